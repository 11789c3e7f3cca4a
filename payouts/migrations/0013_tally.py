"""Sums of payouts for `GET /stats`: the tables, the triggers that note every change, and what there is already."""

from django.db import migrations, models
from django.db.models import Q

# Statement by statement: a hundred payouts of one batch are one change. What doesn't change the sums leaves no row.
# `payouts.tally` says what the columns mean.
NOTED = """
CREATE FUNCTION note_tally_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_tallychange (minute, creator_id, router_type, count, amount, ended, confirmed)
    SELECT date_trunc('minute', created_at, 'UTC'), creator_id, router_type, count(*), sum(amount),
        count(*) FILTER (WHERE status IN ('confirmed', 'failed', 'cancelled', 'rejected')),
        count(*) FILTER (WHERE status = 'confirmed')
    FROM after GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION note_tally_of_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_tallychange (minute, creator_id, router_type, count, amount, ended, confirmed)
    SELECT date_trunc('minute', created_at, 'UTC'), creator_id, router_type, -count(*), -sum(amount),
        -count(*) FILTER (WHERE status IN ('confirmed', 'failed', 'cancelled', 'rejected')),
        -count(*) FILTER (WHERE status = 'confirmed')
    FROM before GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION note_tally_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_tallychange (minute, creator_id, router_type, count, amount, ended, confirmed)
    SELECT date_trunc('minute', created_at, 'UTC'), creator_id, router_type, sum(sign), sum(sign * amount),
        coalesce(sum(sign) FILTER (WHERE status IN ('confirmed', 'failed', 'cancelled', 'rejected')), 0),
        coalesce(sum(sign) FILTER (WHERE status = 'confirmed'), 0)
    FROM (
        SELECT created_at, creator_id, router_type, amount, status, 1 AS sign FROM after
        UNION ALL
        SELECT created_at, creator_id, router_type, amount, status, -1 FROM before
    ) AS both_sides
    GROUP BY 1, 2, 3
    HAVING sum(sign) <> 0 OR sum(sign * amount) <> 0
        OR sum(sign) FILTER (WHERE status IN ('confirmed', 'failed', 'cancelled', 'rejected')) <> 0
        OR sum(sign) FILTER (WHERE status = 'confirmed') <> 0;
    RETURN NULL;
END $$;

CREATE TRIGGER payouts_payout_tally_of_new AFTER INSERT ON payouts_payout
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_tally_of_new();
CREATE TRIGGER payouts_payout_tally_of_changed AFTER UPDATE ON payouts_payout
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_tally_of_changed();
CREATE TRIGGER payouts_payout_tally_of_gone AFTER DELETE ON payouts_payout
    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION note_tally_of_gone();

-- The triggers' lock keeps writers out until this is committed.
INSERT INTO payouts_tallychange (minute, creator_id, router_type, count, amount, ended, confirmed)
SELECT date_trunc('minute', created_at, 'UTC'), creator_id, router_type, count(*), sum(amount),
    count(*) FILTER (WHERE status IN ('confirmed', 'failed', 'cancelled', 'rejected')),
    count(*) FILTER (WHERE status = 'confirmed')
FROM payouts_payout GROUP BY 1, 2, 3;
"""
FORGOTTEN = """
DROP TRIGGER payouts_payout_tally_of_new ON payouts_payout;
DROP TRIGGER payouts_payout_tally_of_changed ON payouts_payout;
DROP TRIGGER payouts_payout_tally_of_gone ON payouts_payout;
DROP FUNCTION note_tally_of_new();
DROP FUNCTION note_tally_of_changed();
DROP FUNCTION note_tally_of_gone();
"""


def figures():
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("router_type", models.CharField(max_length=20)),
        ("count", models.BigIntegerField()),
        ("amount", models.BigIntegerField(help_text="base units")),
        ("ended", models.BigIntegerField(help_text="of them, ended in whatever way")),
        ("confirmed", models.BigIntegerField(help_text="of them, paid")),
    ]


class Migration(migrations.Migration):
    dependencies = [("payouts", "0012_journal_place")]
    operations = [
        migrations.CreateModel(
            name="TallyChange",
            fields=[
                *figures(),
                ("minute", models.DateTimeField(help_text="of creation, UTC")),
                ("creator_id", models.BigIntegerField()),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                *figures(),
                ("creator_id", models.BigIntegerField(help_text="0: of everybody together")),
                ("grain", models.CharField(choices=[("minute", "Minute"), ("hour", "Hour")], max_length=6)),
                ("starts_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["starts_at"], name="tally_minutes_by_age", condition=Q(grain="minute")
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("creator_id", "grain", "starts_at", "router_type"), name="tally_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(NOTED, FORGOTTEN),
    ]
