"""The first session rule, which pays nobody, and triggers that hold the rest of it whoever writes."""

from django.db import migrations

from lucid_payments.privileges import append_only

HOLD = """
CREATE FUNCTION check_session_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.second_id IS NULL AND NOT EXISTS (
        SELECT FROM payouts_sessionrule AS before
        WHERE before.version = NEW.version - 1 AND before.is_running
            AND (before.amount_per_credit, before.minimum, before.router_type, before.batch_type, before.account_id)
            IS NOT DISTINCT FROM
            (NEW.amount_per_credit, NEW.minimum, NEW.router_type, NEW.batch_type, NEW.account_id)
    ) THEN
        RAISE EXCEPTION 'session rule, version %: one person pauses it and changes nothing else', NEW.version
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_sessionrule_checked BEFORE INSERT ON payouts_sessionrule
    FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION check_session_rule();

CREATE FUNCTION keep_session_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting' OR
        (NEW.id, NEW.session_id, NEW.told_at) IS DISTINCT FROM (OLD.id, OLD.session_id, OLD.told_at)
    THEN
        RAISE EXCEPTION '% of the payment of session % is refused: it stays as it ended', TG_OP, OLD.session_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.state = 'asked' AND NOT EXISTS (
        SELECT FROM payouts_payout
        WHERE id = NEW.payout_id AND session_id = NEW.session_id AND amount = NEW.amount
    ) THEN
        RAISE EXCEPTION 'session %: the payout is another''s', OLD.session_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_sessionpayment_stays BEFORE UPDATE OR DELETE ON payouts_sessionpayment
    FOR EACH ROW EXECUTE FUNCTION keep_session_payment();
CREATE TRIGGER payouts_sessionpayment_table_stays BEFORE TRUNCATE ON payouts_sessionpayment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
LET_GO = """
DROP TRIGGER payouts_sessionpayment_table_stays ON payouts_sessionpayment;
DROP TRIGGER payouts_sessionpayment_stays ON payouts_sessionpayment;
DROP TRIGGER payouts_sessionrule_checked ON payouts_sessionrule;
DROP FUNCTION keep_session_payment();
DROP FUNCTION check_session_rule();
"""


def create(apps, schema_editor):
    apps.get_model("payouts", "SessionRule").objects.create(
        version=1,
        is_running=False,
        amount_per_credit=0,
        minimum=1_000_000,
        router_type=None,
        batch_type="HOURLY",
        author_label="defaults",
        reason="The rule of the first start: paused.",
    )


class Migration(migrations.Migration):
    dependencies = [("payouts", "0024_session_rule")]
    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
        migrations.RunSQL(append_only("payouts_sessionrule"), migrations.RunSQL.noop),
        migrations.RunSQL(HOLD, LET_GO),
    ]
