"""The signed root of a settled run, and its leaves; a report may be nobody's."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0027_uploads_stay"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="report",
            name="kind",
            field=models.CharField(
                choices=[
                    ("day", "Day"),
                    ("month", "Month"),
                    ("batch", "Batch"),
                    ("journal", "Journal"),
                    ("run", "Monthly run"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="report",
            name="maker",
            field=models.ForeignKey(
                help_text="NULL: by itself",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.CreateModel(
            name="RunRoot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("size", models.IntegerField(help_text="leaves")),
                ("root", models.CharField(help_text="SHA-256, RFC 9162", max_length=64)),
                ("statement", models.JSONField()),
                (
                    "public_key",
                    models.CharField(
                        help_text="Ed25519; the audit log's heads are signed by it too", max_length=64
                    ),
                ),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="root",
                        to="payouts.distributionrun",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="RunLeaf",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.IntegerField(help_text="0, 1, … in the order of payment")),
                ("content", models.TextField(help_text="canonical JSON")),
                ("path", models.BinaryField(help_text="hashes of 32 bytes, the lowest first")),
                (
                    "entitlement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leaf",
                        to="payouts.entitlement",
                    ),
                ),
                (
                    "root",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leaves",
                        to="payouts.runroot",
                    ),
                ),
            ],
            options={
                "ordering": ("place",),
                "constraints": [
                    models.UniqueConstraint(fields=("root", "place"), name="run_leaf_place_once")
                ],
            },
        ),
        migrations.RunSQL(append_only("payouts_runroot"), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("payouts_runleaf"), migrations.RunSQL.noop),
    ]
