"""Batches of the schedule, and triggers that hold whoever writes."""

import django.db.models.deletion
from django.db import migrations, models

import lucid_payments.clock

# What waits for its time already, joins the batch of that time.
GATHER = """
INSERT INTO payouts_payoutslot (batch_type, due_at, state, stopped_by, stopped_because, version)
SELECT DISTINCT batch_type, due_at, 'gathering', '', '', 1 FROM payouts_payout
WHERE status = 'scheduled' AND hold_reason = 'slot' AND batch_type <> 'IMMEDIATE';
UPDATE payouts_payout AS payout SET slot_id = slot.id FROM payouts_payoutslot AS slot
WHERE payout.status = 'scheduled' AND payout.hold_reason = 'slot' AND slot.batch_type = payout.batch_type
    AND slot.due_at = payout.due_at;
"""
HOLD = """
CREATE FUNCTION refuse_slot_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'slot %: % is refused: it is over', OLD.id, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER payouts_payoutslot_end_stays BEFORE UPDATE ON payouts_payoutslot FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL OR (OLD.state = 'cancelled' AND NEW.state <> 'cancelled')
        OR (OLD.batch_type, OLD.due_at) IS DISTINCT FROM (NEW.batch_type, NEW.due_at))
    EXECUTE FUNCTION refuse_slot_change();
CREATE TRIGGER payouts_payoutslot_row_stays BEFORE DELETE ON payouts_payoutslot
    FOR EACH ROW EXECUTE FUNCTION refuse_slot_change();
CREATE TRIGGER payouts_payout_slot_stays BEFORE UPDATE ON payouts_payout FOR EACH ROW
    WHEN (OLD.slot_id IS NOT NULL AND OLD.slot_id IS DISTINCT FROM NEW.slot_id)
    EXECUTE FUNCTION refuse_other_intent();

CREATE FUNCTION check_slot_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payouts_payoutslot WHERE id = NEW.slot_id AND state = 'releasing') THEN
        RAISE EXCEPTION '%: its slot isn''t open', NEW.payout_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_payout_goes_with_its_slot BEFORE UPDATE ON payouts_payout FOR EACH ROW
    WHEN (OLD.status <> 'released' AND NEW.status = 'released' AND NEW.slot_id IS NOT NULL)
    EXECUTE FUNCTION check_slot_is_open();
"""
LET_GO = """
DROP TRIGGER payouts_payout_goes_with_its_slot ON payouts_payout;
DROP TRIGGER payouts_payout_slot_stays ON payouts_payout;
DROP TRIGGER payouts_payoutslot_row_stays ON payouts_payoutslot;
DROP TRIGGER payouts_payoutslot_end_stays ON payouts_payoutslot;
DROP FUNCTION check_slot_is_open();
DROP FUNCTION refuse_slot_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0021_distribution_holds"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayoutSlot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
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
                ("due_at", models.DateTimeField(help_text="nothing of it is released before")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("gathering", "Gathering"),
                            ("releasing", "Releasing"),
                            ("paused", "Paused"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="gathering",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=lucid_payments.clock.LucidNow())),
                (
                    "opened_at",
                    models.DateTimeField(
                        help_text="when its release began; later than due after a standstill", null=True
                    ),
                ),
                (
                    "stopped_at",
                    models.DateTimeField(help_text="when a person last paused or cancelled it", null=True),
                ),
                ("stopped_by", models.CharField(blank=True, max_length=200)),
                ("stopped_because", models.CharField(blank=True, max_length=300)),
                (
                    "ended_at",
                    models.DateTimeField(help_text="when the last of its payouts had ended", null=True),
                ),
                ("total_payouts", models.IntegerField(null=True)),
                ("total_amount", models.BigIntegerField(help_text="base units (10⁻⁶ USDT)", null=True)),
                ("confirmed_payouts", models.IntegerField(null=True)),
                ("confirmed_amount", models.BigIntegerField(help_text="base units (10⁻⁶ USDT)", null=True)),
                ("failed_payouts", models.IntegerField(null=True)),
                ("cancelled_payouts", models.IntegerField(null=True)),
                ("version", models.IntegerField(default=1, help_text="grows with every change of state")),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["due_at", "id"],
                        name="slot_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("batch_type", "due_at"), name="slot_once"),
                    models.CheckConstraint(
                        condition=models.Q(("batch_type", "IMMEDIATE"), _negated=True), name="slot_has_a_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True), ("state__in", ("done", "cancelled")), _connector="OR"
                        ),
                        name="slot_ended_is_over",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", False),
                            models.Q(("state", "done"), _negated=True),
                            _connector="OR",
                        ),
                        name="slot_done_has_ended",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="payout",
            name="slot",
            field=models.ForeignKey(
                db_index=False,
                editable=False,
                help_text="whose batch it goes with; NULL: at once, or not before its approvals",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="payouts",
                to="payouts.payoutslot",
            ),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                condition=models.Q(("slot__isnull", False)),
                fields=["slot", "status"],
                include=("amount", "hold_reason"),
                name="payout_by_slot",
            ),
        ),
        migrations.RunSQL(GATHER, migrations.RunSQL.noop),
        migrations.RunSQL(HOLD, LET_GO),
    ]
