import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only

# The writer's transaction id, which the sealer compares with the oldest one still running.
TRANSACTION = """
ALTER TABLE audit_auditentry ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX audit_entry_transaction ON audit_auditentry (transaction, id);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("lucid_payments", "0001_clock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow(), editable=False)),
                ("position", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("signature", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow(), editable=False)),
                ("actor_label", models.CharField(max_length=200)),
                ("action", models.CharField(max_length=100)),
                ("object_type", models.CharField(blank=True, max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=100)),
                ("object_label", models.CharField(blank=True, max_length=200)),
                ("request_id", models.CharField(blank=True, max_length=128)),
                ("details", models.JSONField(default=dict)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "audit entries",
            },
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64, unique=True)),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="seal",
                        to="audit.auditentry",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_type", "object_id"], name="audit_entry_object"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["actor", "id"], name="audit_entry_actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["action", "id"], name="audit_entry_action"),
        ),
        migrations.RunSQL(TRANSACTION, migrations.RunSQL.noop),
        migrations.RunSQL(append_only("audit_auditentry"), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("audit_auditseal"), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("audit_audithead"), migrations.RunSQL.noop),
    ]
