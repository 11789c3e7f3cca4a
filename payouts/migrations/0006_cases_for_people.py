"""Cases for people: what waits for two of them, what they search, and what they booked."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only

TABLES = ("payouts_chainsearch", "payouts_evidence", "payouts_unknowntransfer")
ACCOUNTS = {"losses": "USDT", "losses_trx": "TRX", "suspense_trx": "TRX"}


def create_accounts(apps, schema_editor):
    account = apps.get_model("payouts", "LedgerAccount")
    for name, currency in ACCOUNTS.items():
        account.objects.create(name=name, currency=currency)


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0005_reconciliation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="chainstate",
            name="statement_block",
            field=models.BigIntegerField(default=0, help_text="head when that was stated last"),
        ),
        migrations.CreateModel(
            name="ChainSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_block", models.BigIntegerField()),
                ("last_block", models.BigIntegerField(null=True)),
                ("nodes", models.JSONField(help_text="names of the nodes whose blocks are read")),
                (
                    "elsewhere",
                    models.CharField(
                        blank=True, help_text="what people found in sources of their own", max_length=500
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("asked_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Evidence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "conclusion",
                    models.CharField(
                        choices=[
                            ("paid", "Paid"),
                            ("paid_differently", "Paid differently"),
                            ("reverted", "Failed in its block"),
                            ("never", "Can never land"),
                            ("may_land", "May still land"),
                            ("contradiction", "Nodes contradict one another"),
                            ("unanswered", "Too few nodes answered"),
                            ("unknown_found", "Unknown transfers found"),
                            ("nothing_found", "No unknown transfer found"),
                        ],
                        max_length=20,
                    ),
                ),
                ("sentence", models.CharField(max_length=500)),
                ("told", models.JSONField(help_text="each node's words")),
                ("facts", models.JSONField(help_text="what the nodes agree on, and acts are done by")),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "search",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="payouts.chainsearch",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="ManualCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unresolved", "Not resolved in time"),
                            ("paid_differently", "Paid differently from what was asked"),
                            ("unknown_transfer", "Left the treasury and isn't ours"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "txid",
                    models.CharField(
                        blank=True, help_text="empty while only the balance tells", max_length=64
                    ),
                ),
                ("amount", models.BigIntegerField(help_text="base units: asked for, or missing")),
                ("sentence", models.CharField(help_text="why a person is needed", max_length=500)),
                ("first_block", models.BigIntegerField(help_text="where a search of the chain begins")),
                (
                    "last_block",
                    models.BigIntegerField(
                        help_text="where it ends; none: the first block past the expiration", null=True
                    ),
                ),
                ("opened_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "end",
                    models.CharField(
                        choices=[
                            ("by_itself", "Resolved by itself"),
                            ("paid", "It was paid"),
                            ("reverted", "It failed in its block"),
                            ("never", "It can never land"),
                            ("booked", "Booked as it moved"),
                            ("nothing", "Nothing was missing"),
                        ],
                        max_length=10,
                        null=True,
                    ),
                ),
                ("closed_by", models.CharField(blank=True, help_text="who, in words", max_length=320)),
                (
                    "attempt",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cases",
                        to="payouts.attempt",
                    ),
                ),
                (
                    "payout",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cases",
                        to="payouts.payout",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.AddField(
            model_name="chainsearch",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="searches", to="payouts.manualcase"
            ),
        ),
        migrations.CreateModel(
            name="UnknownTransfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("txid", models.CharField(max_length=64, unique=True)),
                ("block_number", models.BigIntegerField()),
                ("amount", models.BigIntegerField(help_text="base units of USDT that left the treasury")),
                ("trx", models.BigIntegerField(help_text="sun that left it beside the fee")),
                ("fee", models.BigIntegerField(help_text="sun")),
                ("account", models.CharField(help_text="what it was booked to", max_length=40)),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="booked",
                        to="payouts.manualcase",
                    ),
                ),
                (
                    "evidence",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.evidence"
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.AddIndex(
            model_name="manualcase",
            index=models.Index(
                condition=models.Q(("closed_at__isnull", True)), fields=["id"], name="case_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="manualcase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("attempt__isnull", False)),
                fields=("kind", "attempt"),
                name="case_once_per_attempt",
            ),
        ),
        migrations.AddConstraint(
            model_name="manualcase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "unknown_transfer"), models.Q(("txid", ""), _negated=True)),
                fields=("txid",),
                name="case_once_per_unknown_transfer",
            ),
        ),
        migrations.AddConstraint(
            model_name="manualcase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True), ("kind", "unknown_transfer"), ("txid", "")),
                fields=("kind",),
                name="case_one_open_of_the_balance",
            ),
        ),
        migrations.AddConstraint(
            model_name="manualcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("end__isnull", True)),
                    models.Q(("closed_at__isnull", False), ("end__isnull", False)),
                    _connector="OR",
                ),
                name="case_closed_with_its_end",
            ),
        ),
        *(migrations.RunSQL(append_only(table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunPython(create_accounts, migrations.RunPython.noop),
    ]
