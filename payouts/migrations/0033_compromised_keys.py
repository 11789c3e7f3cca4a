"""Keys that others may know, whatever their sweeps were begun for; those that were declared before are among them."""

from django.db import migrations, models

import lucid_payments.clock
from lucid_payments.privileges import append_only

DECLARED_BEFORE = """
INSERT INTO payouts_compromisedkey (address, declared_by, reason, at)
SELECT DISTINCT ON (address) address, begun_by, reason, begun_at FROM payouts_sweep
WHERE cause = 'compromise' ORDER BY address, id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0032_rotation"),
    ]

    operations = [
        migrations.CreateModel(
            name="CompromisedKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(help_text="the key's own", max_length=34, unique=True)),
                ("declared_by", models.CharField(help_text="who, in words", max_length=320)),
                ("reason", models.CharField(max_length=500)),
                ("at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
            ],
        ),
        migrations.RunSQL(DECLARED_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(append_only("payouts_compromisedkey"), migrations.RunSQL.noop),
    ]
