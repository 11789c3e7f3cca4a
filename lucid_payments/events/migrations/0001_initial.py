import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
import lucid_payments.events.models
from lucid_payments.privileges import append_only


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("lucid_payments", "0001_clock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "event_id",
                    models.CharField(
                        default=lucid_payments.events.models.new_event_id,
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("type", models.CharField(max_length=60)),
                ("subject_type", models.CharField(max_length=40)),
                ("subject_id", models.CharField(max_length=100)),
                ("payload", models.JSONField(default=dict)),
                (
                    "created_at",
                    models.DateTimeField(db_default=lucid_payments.clock.LucidNow(), editable=False),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["owner", "id"], name="event_owner"),
                    models.Index(fields=["subject_type", "subject_id"], name="event_subject"),
                ],
            },
        ),
        migrations.RunSQL(append_only("events_event"), migrations.RunSQL.noop),
    ]
