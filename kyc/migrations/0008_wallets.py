import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock


class Migration(migrations.Migration):
    dependencies = [
        ("kyc", "0007_documents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Wallet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=34)),
                (
                    "proof",
                    models.CharField(
                        choices=[("signed", "Signed message"), ("confirmed", "Two people")], max_length=9
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("signature", models.CharField(blank=True, max_length=132)),
                ("nonce_sha256", models.CharField(max_length=64, null=True, unique=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=lucid_payments.clock.LucidNow(), editable=False),
                ),
                ("counts_from", models.DateTimeField(help_text="the end of the cooling-off time")),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[("replaced", "Replaced by another"), ("withdrawn", "Withdrawn by staff")],
                        max_length=9,
                    ),
                ),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "node",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wallets",
                        to="kyc.node",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wallets",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["address"], name="wallet_by_address")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("node__isnull", False), ("user__isnull", True)),
                            models.Q(("node__isnull", True), ("user__isnull", False)),
                            _connector="OR",
                        ),
                        name="wallet_has_one_owner",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("user",),
                        name="wallet_one_per_user",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("node",),
                        name="wallet_one_per_node",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("confirmed_by__isnull", True),
                                ("nonce_sha256__isnull", False),
                                ("proof", "signed"),
                            ),
                            models.Q(
                                ("confirmed_by__isnull", False),
                                ("proof", "confirmed"),
                                models.Q(("confirmed_by", models.F("added_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="wallet_is_proven",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("end", ""), ("ended_at__isnull", True)),
                            models.Q(("ended_at__isnull", False), models.Q(("end", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="wallet_ends_with_a_reason",
                    ),
                ],
            },
        ),
    ]
