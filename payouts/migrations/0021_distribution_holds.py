"""Triggers that hold whoever writes: a run goes its way, what was approved stays, and nobody gets more than that."""

from django.db import migrations

from lucid_payments.privileges import append_only

APPEND_ONLY = (
    "payouts_runstep",
    "payouts_runinput",
    "payouts_carry",
    "payouts_chunk",
    "payouts_runapproval",
)
HOLD = """
-- Over the period, the inputs, the parameters and every entitlement, in the order of payment.
CREATE FUNCTION distribution_run_hash(asked bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to('lucid/distribution-run/v1'
        || E'\\n' || run.period || ' ' || extract(epoch FROM run.starts_at)::bigint || ' '
        || extract(epoch FROM run.cut_off)::bigint
        || E'\\n' || run.seed_block || ' ' || run.seed
        || E'\\n' || run.inputs || ' ' || run.inputs_hash
        || E'\\n' || run.computation || ' ' || run.pool_kind || ' ' || run.pool_amount || ' '
        || run.minimum || ' ' || run.pool
        || (SELECT coalesce(string_agg(E'\\n' || line.kind || ':' || line.recipient || ' ' || line.credits || ' '
                || line.share || ' ' || line.carried_in || ' ' || line.amount || ' ' || line.router_type || ' '
                || line.address || ' ' || line.outcome || ' ' || line.outcome_reason, '' ORDER BY line.rank), '')
            FROM payouts_entitlement AS line WHERE line.run_id = run.id), 'UTF8')), 'hex')
    FROM payouts_distributionrun AS run WHERE run.id = asked
$$;

CREATE FUNCTION run_approvals(asked bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(DISTINCT given.approver_id) FROM payouts_runapproval AS given
    JOIN payouts_distributionrun AS run ON run.id = given.run_id AND run.run_hash = given.run_hash
    WHERE given.run_id = asked
$$;

CREATE FUNCTION keep_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'run %: a period has one run, for ever', OLD.period USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF (NEW.id, NEW.period, NEW.starts_at, NEW.cut_off)
        IS DISTINCT FROM (OLD.id, OLD.period, OLD.starts_at, OLD.cut_off)
        OR OLD.state <> 'draft' AND
            (NEW.seed, NEW.seed_block, NEW.inputs, NEW.adjustments, NEW.paid_by_themselves, NEW.inputs_hash,
             NEW.recipients, NEW.credits, NEW.carried_in)
            IS DISTINCT FROM
            (OLD.seed, OLD.seed_block, OLD.inputs, OLD.adjustments, OLD.paid_by_themselves, OLD.inputs_hash,
             OLD.recipients, OLD.credits, OLD.carried_in)
        OR OLD.seen_up_to IS NOT NULL AND NEW.seen_up_to IS DISTINCT FROM OLD.seen_up_to
        OR OLD.state NOT IN ('draft', 'frozen', 'computed') AND
            (NEW.computation, NEW.pool_kind, NEW.pool_amount, NEW.pool_by_id, NEW.minimum, NEW.pool, NEW.run_hash)
            IS DISTINCT FROM
            (OLD.computation, OLD.pool_kind, OLD.pool_amount, OLD.pool_by_id, OLD.minimum, OLD.pool, OLD.run_hash)
    THEN
        RAISE EXCEPTION 'run %: what was frozen and approved stays', OLD.period
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.state <> NEW.state AND OLD.state || ' ' || NEW.state NOT IN (
        'draft frozen', 'frozen computed', 'computed frozen', 'computed approved', 'approved frozen',
        'approved scheduled', 'scheduled approved', 'scheduled running', 'running paused', 'paused running',
        'running settled', 'paused settled', 'settled reported'
    ) THEN
        RAISE EXCEPTION 'run %: it does not go from % to %', OLD.period, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state = 'computed' AND NEW.state = 'approved' AND run_approvals(NEW.id) < 2 THEN
        RAISE EXCEPTION 'run %: two people approve what it is now', OLD.period USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_distributionrun_stays BEFORE UPDATE OR DELETE ON payouts_distributionrun
    FOR EACH ROW EXECUTE FUNCTION keep_run();
CREATE TRIGGER payouts_distributionrun_table_stays BEFORE TRUNCATE ON payouts_distributionrun
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION check_run_approval() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked payouts_distributionrun;
BEGIN
    SELECT * INTO asked FROM payouts_distributionrun WHERE id = NEW.run_id FOR UPDATE;
    IF asked.state <> 'computed' OR asked.run_hash <> NEW.run_hash
        OR NEW.run_hash IS DISTINCT FROM distribution_run_hash(NEW.run_id)
    THEN
        RAISE EXCEPTION 'run %: that is not what it is now', asked.period USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.approver_id = asked.pool_by_id THEN
        RAISE EXCEPTION 'run %: nobody approves his own figures', asked.period USING ERRCODE = 'check_violation';
    END IF;
    IF NOT EXISTS (SELECT FROM accounts_user
                   WHERE id = NEW.approver_id AND role = 'payout_approver' AND is_active) THEN
        RAISE EXCEPTION 'run %: % is no approver', asked.period, NEW.approver_label USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_runapproval_checked BEFORE INSERT ON payouts_runapproval
    FOR EACH ROW EXECUTE FUNCTION check_run_approval();

-- Entitlements come with the freeze and never go; shares are theirs to change until they are approved.
CREATE FUNCTION keep_new_entitlements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM came JOIN payouts_distributionrun AS run ON run.id = came.run_id WHERE run.state <> 'draft'
    ) THEN
        RAISE EXCEPTION 'entitlements come with the freeze' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_entitlement_comes AFTER INSERT ON payouts_entitlement
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION keep_new_entitlements();
CREATE TRIGGER payouts_entitlement_frozen_stays BEFORE UPDATE ON payouts_entitlement FOR EACH ROW
    WHEN ((OLD.run_id, OLD.kind, OLD.recipient, OLD.sessions, OLD.megabytes, OLD.credits, OLD.carried_in, OLD.rank,
           OLD.router_type, OLD.address)
          IS DISTINCT FROM
          (NEW.run_id, NEW.kind, NEW.recipient, NEW.sessions, NEW.megabytes, NEW.credits, NEW.carried_in, NEW.rank,
           NEW.router_type, NEW.address))
    EXECUTE FUNCTION refuse_other_intent();
CREATE FUNCTION keep_computed_entitlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM payouts_distributionrun WHERE id = OLD.run_id AND state IN ('frozen', 'computed')
    ) THEN
        RAISE EXCEPTION 'entitlement %: what was approved stays', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_entitlement_computed_stays BEFORE UPDATE ON payouts_entitlement FOR EACH ROW
    WHEN ((OLD.share, OLD.amount, OLD.outcome, OLD.outcome_reason)
          IS DISTINCT FROM (NEW.share, NEW.amount, NEW.outcome, NEW.outcome_reason))
    EXECUTE FUNCTION keep_computed_entitlement();
CREATE TRIGGER payouts_entitlement_stays BEFORE DELETE ON payouts_entitlement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payouts_entitlement_table_stays BEFORE TRUNCATE ON payouts_entitlement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A chunk's payout waits for no approval of its own: here it is that the run's covers it.
CREATE FUNCTION check_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    line payouts_entitlement;
    paid payouts_payout;
    together bigint;
BEGIN
    SELECT * INTO line FROM payouts_entitlement WHERE id = NEW.entitlement_id FOR UPDATE;
    SELECT * INTO paid FROM payouts_payout WHERE id = NEW.payout_id;
    IF NOT EXISTS (SELECT FROM payouts_distributionrun WHERE id = line.run_id AND state = 'running')
        OR run_approvals(line.run_id) < 2
    THEN
        RAISE EXCEPTION '%: its run is not running, or not approved by two', paid.payout_id
            USING ERRCODE = 'check_violation';
    END IF;
    IF line.state <> 'due' OR (paid.recipient_address, paid.router_type) <> (line.pay_to, line.router_type) THEN
        RAISE EXCEPTION '%: it is not what its entitlement says', paid.payout_id USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(sum(other.amount), 0) INTO together
    FROM payouts_chunk AS before JOIN payouts_payout AS other ON other.id = before.payout_id
    WHERE before.entitlement_id = line.id AND other.status NOT IN ('failed', 'cancelled', 'rejected');
    IF together + paid.amount > line.amount THEN
        RAISE EXCEPTION '%: more than its recipient is entitled to', paid.payout_id USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM payouts_chunk AS before JOIN payouts_payout AS other ON other.id = before.payout_id
        WHERE before.entitlement_id = line.id AND before.number = NEW.number
            AND other.status NOT IN ('failed', 'cancelled', 'rejected')
    ) THEN
        RAISE EXCEPTION '%: this chunk is being paid', paid.payout_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_chunk_checked BEFORE INSERT ON payouts_chunk
    FOR EACH ROW EXECUTE FUNCTION check_chunk();
"""
LET_GO = """
DROP TRIGGER payouts_chunk_checked ON payouts_chunk;
DROP TRIGGER payouts_entitlement_table_stays ON payouts_entitlement;
DROP TRIGGER payouts_entitlement_stays ON payouts_entitlement;
DROP TRIGGER payouts_entitlement_computed_stays ON payouts_entitlement;
DROP TRIGGER payouts_entitlement_frozen_stays ON payouts_entitlement;
DROP TRIGGER payouts_entitlement_comes ON payouts_entitlement;
DROP TRIGGER payouts_runapproval_checked ON payouts_runapproval;
DROP TRIGGER payouts_distributionrun_table_stays ON payouts_distributionrun;
DROP TRIGGER payouts_distributionrun_stays ON payouts_distributionrun;
DROP FUNCTION check_chunk();
DROP FUNCTION keep_computed_entitlement();
DROP FUNCTION keep_new_entitlements();
DROP FUNCTION check_run_approval();
DROP FUNCTION keep_run();
DROP FUNCTION run_approvals(bigint);
DROP FUNCTION distribution_run_hash(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0020_distribution")]
    operations = [
        *(migrations.RunSQL(append_only(table), migrations.RunSQL.noop) for table in APPEND_ONLY),
        migrations.RunSQL(HOLD, LET_GO),
    ]
