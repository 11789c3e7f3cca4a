import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("lucid_payments", "0001_clock"),
        ("lucid_payments", "0001_clock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                ("request", models.CharField(help_text="method and path", max_length=200)),
                ("body_hash", models.CharField(help_text="SHA-256 of the body's bytes", max_length=64)),
                ("status_code", models.PositiveSmallIntegerField()),
                ("body", models.BinaryField(help_text="the answer, byte for byte")),
                (
                    "subject_id",
                    models.CharField(help_text="the payout or batch that was made", max_length=100),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=lucid_payments.clock.LucidNow(), editable=False),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once_per_user")
                ],
            },
        ),
    ]
