"""Sweeps: what is sent to a key's destination, its bytes never changed, and the accounts it is booked to."""

import django.db.models.deletion
from django.db import migrations, models

import lucid_payments.clock

ACCOUNTS = {"swept": "USDT", "swept_trx": "TRX"}

BYTES_STAY = """
CREATE TRIGGER payouts_sweep_stays BEFORE UPDATE ON payouts_sweep FOR EACH ROW
    WHEN ((OLD.address, OLD.destination, OLD.cause, OLD.begun_by, OLD.reason)
          IS DISTINCT FROM (NEW.address, NEW.destination, NEW.cause, NEW.begun_by, NEW.reason))
    EXECUTE FUNCTION refuse_other_intent();
CREATE TRIGGER payouts_sweeptransfer_bytes_stay BEFORE UPDATE ON payouts_sweeptransfer FOR EACH ROW
    WHEN ((OLD.sweep_id, OLD.currency, OLD.txid, OLD.raw_data, OLD.amount, OLD.expiration_ms)
          IS DISTINCT FROM (NEW.sweep_id, NEW.currency, NEW.txid, NEW.raw_data, NEW.amount, NEW.expiration_ms))
    EXECUTE FUNCTION refuse_other_intent();
CREATE TRIGGER payouts_sweeptransfer_signature_stays BEFORE UPDATE ON payouts_sweeptransfer FOR EACH ROW
    WHEN (OLD.signed_transaction IS NOT NULL AND OLD.signed_transaction IS DISTINCT FROM NEW.signed_transaction)
    EXECUTE FUNCTION refuse_other_intent();
CREATE TRIGGER payouts_sweeptransfer_end_stays BEFORE UPDATE ON payouts_sweeptransfer FOR EACH ROW
    WHEN (OLD.state IN ('succeeded', 'reverted', 'dead') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION refuse_other_intent();
"""


def create_accounts(apps, schema_editor):
    account = apps.get_model("payouts", "LedgerAccount")
    for name, currency in ACCOUNTS.items():
        account.objects.get_or_create(name=name, defaults={"currency": currency})


def forget_unused(apps, schema_editor):
    """On the way back: the version before doesn't know them, and keeps what was ever booked."""
    account = apps.get_model("payouts", "LedgerAccount")
    account.objects.filter(name__in=ACCOUNTS, debits_posted=0, credits_posted=0).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0030_unsubmitted_uploads_go"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sweep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(help_text="the key's own", max_length=34)),
                ("destination", models.CharField(max_length=34)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("sweep", "Asked for"),
                            ("rotation", "Another key pays from now on"),
                            ("compromise", "The key may be known to others"),
                            ("journal", "Found again in the signer's journal"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "with_trx",
                    models.BooleanField(help_text="the TRX too, once nothing more is to be paid with them"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Under way"), ("done", "Done")], default="open", max_length=4
                    ),
                ),
                ("detail", models.CharField(blank=True, help_text="what it waits for", max_length=300)),
                ("begun_by", models.CharField(help_text="who, in words", max_length=320)),
                ("reason", models.CharField(max_length=500)),
                ("begun_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("address",),
                        name="sweep_one_open_per_key",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "open")),
                            models.Q(("ended_at__isnull", False), ("state", "done")),
                            _connector="OR",
                        ),
                        name="sweep_ended_when_done",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SweepTransfer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("currency", models.CharField(choices=[("USDT", "Usdt"), ("TRX", "Trx")], max_length=4)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("prepared", "Prepared"),
                            ("signed", "Signed"),
                            ("sent", "Sent"),
                            ("succeeded", "Succeeded"),
                            ("reverted", "Reverted"),
                            ("dead", "Dead"),
                        ],
                        default="prepared",
                        max_length=10,
                    ),
                ),
                ("txid", models.CharField(max_length=64, unique=True)),
                ("raw_data", models.BinaryField()),
                ("amount", models.BigIntegerField(help_text="base units of USDT, or sun")),
                ("expiration_ms", models.BigIntegerField(help_text="chain time, ms")),
                ("created_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                ("signed_transaction", models.BinaryField(null=True)),
                ("signed_at", models.DateTimeField(null=True)),
                (
                    "refusal",
                    models.CharField(blank=True, help_text="why the signer didn't sign it", max_length=300),
                ),
                ("next_send_at", models.DateTimeField(null=True)),
                ("sends", models.IntegerField(default=0)),
                ("answers", models.JSONField(default=dict, help_text="each node's last answer to the bytes")),
                ("block_number", models.BigIntegerField(null=True)),
                ("block_id", models.CharField(blank=True, max_length=64)),
                ("result", models.CharField(blank=True, max_length=30)),
                ("fee", models.BigIntegerField(help_text="sun, as charged", null=True)),
                (
                    "absence",
                    models.JSONField(
                        help_text="each operator's first valid absence after the expiration", null=True
                    ),
                ),
                ("resolved_at", models.DateTimeField(null=True)),
                (
                    "sweep",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="transfers",
                        to="payouts.sweep",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ("prepared", "signed", "sent"))),
                        fields=["sweep", "id"],
                        name="sweep_transfer_live",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("signed_transaction__isnull", False),
                            models.Q(("state__in", ("signed", "sent")), _negated=True),
                            _connector="OR",
                        ),
                        name="sweep_transfer_past_signing_has_bytes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="sweep_transfer_amount_positive"
                    ),
                ],
            },
        ),
        migrations.RunPython(create_accounts, forget_unused),
        migrations.RunSQL(BYTES_STAY, migrations.RunSQL.noop),
    ]
