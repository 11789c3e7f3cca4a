"""The first rules (compliance.md's table), and triggers that hold whoever writes: nothing goes unapproved."""

from django.db import migrations

from lucid_payments.privileges import append_only

USDT = 1_000_000
# By the creator's role: one approval above (payout, batch, own 24 hours), two above any of them.
FIRST_RULES = {
    "end_user": (0, None, None, 200 * USDT),
    "node_operator": (100 * USDT, 300 * USDT, 300 * USDT, 1_000 * USDT),
    "service": (500 * USDT, 1_000 * USDT, 4_000 * USDT, 5_000 * USDT),
    "admin": (0, 0, 0, 2_000 * USDT),
}

# The same words, in the same order, as `payouts.approvals.content`.
HOLD = """
CREATE FUNCTION approval_content_hash(asked bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to('lucid/approval/v1' || string_agg(E'\\n' || payout.payout_id || ' '
            || payout.recipient_address || ' ' || payout.amount || ' ' || payout.router_type || ' ' || request.network
            || ' ' || payout.version, '' ORDER BY payout.id), 'UTF8')), 'hex')
    FROM payouts_payout AS payout JOIN payouts_approvalrequest AS request ON request.id = payout.approval_id
    WHERE request.id = asked AND payout.status = 'awaiting_approval'
$$;

CREATE FUNCTION check_approval() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked payouts_approvalrequest;
BEGIN
    SELECT * INTO asked FROM payouts_approvalrequest WHERE id = NEW.request_id FOR UPDATE;
    IF asked.state <> 'waiting' THEN
        RAISE EXCEPTION 'approval %: it is over', NEW.request_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.approver_id = asked.creator_id THEN
        RAISE EXCEPTION 'approval %: nobody decides on what is his own', NEW.request_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM accounts_user
                   WHERE id = NEW.approver_id AND role = 'payout_approver' AND is_active) THEN
        RAISE EXCEPTION 'approval %: % is no approver', NEW.request_id, NEW.approver_label
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.content_hash IS DISTINCT FROM approval_content_hash(NEW.request_id) THEN
        RAISE EXCEPTION 'approval %: its payouts have changed', NEW.request_id USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.number > asked.needed THEN
        RAISE EXCEPTION 'approval %: it has all it needs', NEW.request_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_approval_checked BEFORE INSERT ON payouts_approval
    FOR EACH ROW EXECUTE FUNCTION check_approval();

CREATE FUNCTION keep_approval_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting' OR
        (NEW.id, NEW.creator_id, NEW.batch_id, NEW.rule_id, NEW.needed, NEW.network, NEW.payouts_asked, NEW.largest,
         NEW.total, NEW.day, NEW.asked_at)
        IS DISTINCT FROM
        (OLD.id, OLD.creator_id, OLD.batch_id, OLD.rule_id, OLD.needed, OLD.network, OLD.payouts_asked, OLD.largest,
         OLD.total, OLD.day, OLD.asked_at)
    THEN
        RAISE EXCEPTION '% of approval % is refused: it stays as it was asked and ended', TG_OP, OLD.id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.state = 'approved' AND NEW.needed > (
        SELECT count(DISTINCT approver_id) FROM payouts_approval
        WHERE request_id = NEW.id AND decision = 'approve' AND content_hash = approval_content_hash(NEW.id)
    ) THEN
        RAISE EXCEPTION 'approval %: it needs % approvals of what it is now', NEW.id, NEW.needed
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_approvalrequest_stays BEFORE UPDATE OR DELETE ON payouts_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION keep_approval_request();
CREATE TRIGGER payouts_approvalrequest_table_stays BEFORE TRUNCATE ON payouts_approvalrequest
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_payout_joins_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'awaiting_approval' OR NOT EXISTS (
        SELECT FROM payouts_approvalrequest
        WHERE id = NEW.approval_id AND creator_id = NEW.creator_id AND state = 'waiting'
            AND batch_id IS NOT DISTINCT FROM NEW.batch_id
    ) THEN
        RAISE EXCEPTION '%: approval % is another''s, or over', NEW.payout_id, NEW.approval_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_payout_joins_approval BEFORE INSERT ON payouts_payout
    FOR EACH ROW WHEN (NEW.approval_id IS NOT NULL) EXECUTE FUNCTION check_payout_joins_approval();
CREATE TRIGGER payouts_payout_approval_stays BEFORE UPDATE ON payouts_payout
    FOR EACH ROW WHEN (OLD.approval_id IS DISTINCT FROM NEW.approval_id) EXECUTE FUNCTION refuse_other_intent();

CREATE FUNCTION check_payout_is_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payouts_approvalrequest WHERE id = OLD.approval_id AND state = 'approved') THEN
        RAISE EXCEPTION '%: it waits for its approvals', OLD.payout_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_payout_goes_when_approved BEFORE UPDATE ON payouts_payout
    FOR EACH ROW WHEN (OLD.status = 'awaiting_approval'
        AND NEW.status NOT IN ('awaiting_approval', 'cancelled', 'rejected'))
    EXECUTE FUNCTION check_payout_is_approved();
"""
LET_GO = """
DROP TRIGGER payouts_payout_goes_when_approved ON payouts_payout;
DROP TRIGGER payouts_payout_approval_stays ON payouts_payout;
DROP TRIGGER payouts_payout_joins_approval ON payouts_payout;
DROP TRIGGER payouts_approvalrequest_table_stays ON payouts_approvalrequest;
DROP TRIGGER payouts_approvalrequest_stays ON payouts_approvalrequest;
DROP TRIGGER payouts_approval_checked ON payouts_approval;
DROP FUNCTION check_payout_is_approved();
DROP FUNCTION check_payout_joins_approval();
DROP FUNCTION keep_approval_request();
DROP FUNCTION check_approval();
DROP FUNCTION approval_content_hash(bigint);
"""


def create(apps, schema_editor):
    rule = apps.get_model("payouts", "ApprovalRule")
    for role, (payout, batch, day, two) in FIRST_RULES.items():
        rule.objects.create(
            creator_role=role,
            version=1,
            payout_above=payout,
            batch_above=batch,
            day_above=day,
            two_above=two,
            author_label="defaults",
            reason="The rules of the first start.",
        )


class Migration(migrations.Migration):
    dependencies = [("payouts", "0016_approvals")]
    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
        migrations.RunSQL(append_only("payouts_approvalrule"), migrations.RunSQL.noop),
        migrations.RunSQL(append_only("payouts_approval"), migrations.RunSQL.noop),
        migrations.RunSQL(HOLD, LET_GO),
    ]
