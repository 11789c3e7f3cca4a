"""Hours of what was paid and burned, filled from what there is; an account's latest rows by an index."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
INSERT INTO payouts_paidhour (starts_at, confirmed, amount, failed, transactions, fee, energy, bandwidth)
SELECT starts_at, sum(confirmed), sum(amount), sum(failed), sum(transactions), sum(fee), sum(energy), sum(bandwidth)
FROM (
    SELECT date_trunc('hour', ended_at, 'UTC') AS starts_at, (status = 'confirmed')::int AS confirmed,
           CASE WHEN status = 'confirmed' THEN amount ELSE 0 END AS amount, (status = 'failed')::int AS failed,
           0 AS transactions, 0 AS fee, 0 AS energy, 0 AS bandwidth
    FROM payouts_payout WHERE status IN ('confirmed', 'failed') AND ended_at IS NOT NULL
    UNION ALL
    SELECT date_trunc('hour', resolved_at, 'UTC'), 0, 0, 0, 1, fee, coalesce(energy_used, 0),
           coalesce(bandwidth_used, 0)
    FROM payouts_attempt WHERE fee IS NOT NULL AND resolved_at IS NOT NULL
) AS past
GROUP BY starts_at;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0009_signer_caps"),
    ]

    operations = [
        migrations.CreateModel(
            name="PaidHour",
            fields=[
                ("starts_at", models.DateTimeField(primary_key=True, serialize=False)),
                ("confirmed", models.BigIntegerField(default=0, help_text="payouts confirmed in this hour")),
                ("amount", models.BigIntegerField(default=0, help_text="base units that they paid")),
                (
                    "failed",
                    models.BigIntegerField(default=0, help_text="payouts that failed for good in this hour"),
                ),
                (
                    "transactions",
                    models.BigIntegerField(default=0, help_text="ours in solid blocks, paid or reverted"),
                ),
                ("fee", models.BigIntegerField(default=0, help_text="sun that they burned")),
                ("energy", models.BigIntegerField(default=0)),
                ("bandwidth", models.BigIntegerField(default=0)),
            ],
            options={
                "ordering": ("starts_at",),
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Treasury",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("payouts.chainstate",),
        ),
        migrations.AlterField(
            model_name="ledgertransfer",
            name="credit",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts.ledgeraccount",
            ),
        ),
        migrations.AlterField(
            model_name="ledgertransfer",
            name="debit",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="payouts.ledgeraccount",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgertransfer",
            index=models.Index(fields=["debit", "-id"], name="ledger_by_debit"),
        ),
        migrations.AddIndex(
            model_name="ledgertransfer",
            index=models.Index(fields=["credit", "-id"], name="ledger_by_credit"),
        ),
    ]
