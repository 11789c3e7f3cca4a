"""From one treasury key to the next: rows that are never changed, and what the keys before hold."""

import django.db.models.deletion
from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0031_sweeps"),
    ]

    operations = [
        migrations.AddField(
            model_name="chainstate",
            name="older_trx",
            field=models.BigIntegerField(default=0, help_text="sun of the keys before the paying one"),
        ),
        migrations.AddField(
            model_name="chainstate",
            name="older_usdt",
            field=models.BigIntegerField(default=0, help_text="base units of the keys before the paying one"),
        ),
        migrations.AddField(
            model_name="signerstate",
            name="addresses",
            field=models.JSONField(default=list, help_text="whose keys it holds, around a rotation two"),
        ),
        migrations.CreateModel(
            name="TreasuryRotation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("old_address", models.CharField(max_length=34)),
                ("new_address", models.CharField(max_length=34)),
                ("begun_by", models.CharField(help_text="both, in words", max_length=320)),
                ("reason", models.CharField(max_length=500)),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "sweep",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rotations",
                        to="payouts.sweep",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("old_address", models.F("new_address")), _negated=True),
                        name="rotation_to_another_key",
                    ),
                    models.UniqueConstraint(fields=("old_address",), name="rotation_leaves_a_key_once"),
                    models.UniqueConstraint(fields=("new_address",), name="rotation_comes_to_a_key_once"),
                ],
            },
        ),
        migrations.RunSQL(append_only("payouts_treasuryrotation"), migrations.RunSQL.noop),
    ]
