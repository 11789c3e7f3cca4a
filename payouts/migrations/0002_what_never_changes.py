"""Triggers that hold whoever writes: history stays, and an intent is the same from first row to last."""

from django.db import migrations

from lucid_payments.privileges import append_only

INTENT_STAYS = """
CREATE FUNCTION refuse_other_intent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%: what was asked for is never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER payouts_payout_intent_stays BEFORE UPDATE ON payouts_payout FOR EACH ROW
    WHEN ((OLD.payout_id, OLD.creator_id, OLD.recipient_address, OLD.amount, OLD.router_type, OLD.reference_id,
           OLD.retry_of_id)
          IS DISTINCT FROM
          (NEW.payout_id, NEW.creator_id, NEW.recipient_address, NEW.amount, NEW.router_type, NEW.reference_id,
           NEW.retry_of_id))
    EXECUTE FUNCTION refuse_other_intent();

CREATE TRIGGER payouts_attempt_intent_stays BEFORE UPDATE ON payouts_attempt FOR EACH ROW
    WHEN ((OLD.payout_id, OLD.txid, OLD.raw_data, OLD.owner_address, OLD.contract_address, OLD.recipient_address,
           OLD.amount, OLD.fee_limit, OLD.expiration_ms)
          IS DISTINCT FROM
          (NEW.payout_id, NEW.txid, NEW.raw_data, NEW.owner_address, NEW.contract_address, NEW.recipient_address,
           NEW.amount, NEW.fee_limit, NEW.expiration_ms))
    EXECUTE FUNCTION refuse_other_intent();

-- Signed bytes may already be on their way: they stay, and what has paid, reverted or died stays so.
CREATE TRIGGER payouts_attempt_signature_stays BEFORE UPDATE ON payouts_attempt FOR EACH ROW
    WHEN (OLD.signed_transaction IS NOT NULL AND OLD.signed_transaction IS DISTINCT FROM NEW.signed_transaction)
    EXECUTE FUNCTION refuse_other_intent();
CREATE TRIGGER payouts_attempt_end_stays BEFORE UPDATE ON payouts_attempt FOR EACH ROW
    WHEN (OLD.state IN ('succeeded', 'reverted', 'dead', 'withdrawn') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION refuse_other_intent();
CREATE TRIGGER payouts_payout_end_stays BEFORE UPDATE ON payouts_payout FOR EACH ROW
    WHEN (OLD.status IN ('confirmed', 'failed', 'cancelled', 'rejected') AND OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION refuse_other_intent();
"""

TABLES = ("payouts_payouttransition", "payouts_ledgertransfer", "payouts_nodeanswer")


class Migration(migrations.Migration):
    dependencies = [("payouts", "0001_initial"), ("lucid_payments", "0001_clock")]
    operations = [
        *(migrations.RunSQL(append_only(table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(INTENT_STAYS, migrations.RunSQL.noop),
    ]
