"""Files of payouts, and the hash of one in what is approved."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
import payouts.models.upload


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0025_session_rule_holds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="approvalrequest",
            name="source_hash",
            field=models.CharField(
                blank=True,
                help_text="SHA-256 of the file that the batch comes from; empty without one",
                max_length=64,
            ),
        ),
        migrations.CreateModel(
            name="PayoutUpload",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "upload_id",
                    models.CharField(
                        default=payouts.models.upload.new_upload_id,
                        editable=False,
                        max_length=40,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(help_text="the file's name, as it was given", max_length=200)),
                ("kind", models.CharField(choices=[("csv", "CSV"), ("xlsx", "XLSX")], max_length=4)),
                ("content", models.BinaryField(help_text="the file as it came")),
                ("size", models.IntegerField(help_text="bytes")),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                (
                    "router_type",
                    models.CharField(
                        choices=[
                            ("PayoutRouterV0", "PayoutRouterV0"),
                            ("PayoutRouterKYC", "PayoutRouterKYC"),
                        ],
                        max_length=20,
                        null=True,
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(choices=[(0, "URGENT"), (1, "HIGH"), (2, "NORMAL"), (3, "LOW")]),
                ),
                (
                    "batch_type",
                    models.CharField(
                        choices=[
                            ("IMMEDIATE", "Immediate"),
                            ("HOURLY", "Hourly"),
                            ("DAILY", "Daily"),
                            ("WEEKLY", "Weekly"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("refused", "Something is wrong"),
                            ("checked", "Checked"),
                            ("submitted", "Submitted"),
                        ],
                        max_length=10,
                    ),
                ),
                ("rows", models.JSONField()),
                ("findings", models.JSONField()),
                ("rows_count", models.IntegerField()),
                ("wrong_rows", models.IntegerField()),
                (
                    "total_amount",
                    models.BigIntegerField(help_text="base units (10⁻⁶ USDT), of the rows without an error"),
                ),
                ("recipients", models.IntegerField(help_text="addresses")),
                ("first_time", models.IntegerField(help_text="addresses of them that were never paid")),
                ("look_alikes", models.IntegerField(help_text="rows whose address looks like another one")),
                (
                    "duplicates",
                    models.IntegerField(
                        help_text="rows that look like another one, here or among recent payouts"
                    ),
                ),
                ("uploaded_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("checked_at", models.DateTimeField()),
                ("submitted_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.OneToOneField(
                        help_text="what became of it",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="upload",
                        to="payouts.payoutbatch",
                    ),
                ),
                (
                    "uploader",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "submitted")),
                        fields=("sha256",),
                        name="upload_submitted_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("batch__isnull", False),
                                ("state", "submitted"),
                                ("submitted_at__isnull", False),
                                ("wrong_rows", 0),
                            ),
                            models.Q(
                                models.Q(("state", "submitted"), _negated=True),
                                ("batch__isnull", True),
                                ("submitted_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="upload_submitted_has_a_batch",
                    ),
                ],
            },
        ),
    ]
