"""What nodes said to a broadcast may be deleted a month later, once its attempt is over. Never changed, as before."""

from django.db import migrations

FORWARD = """
DROP TRIGGER payouts_nodeanswer_rows_stay ON payouts_nodeanswer;

CREATE FUNCTION refuse_change_of_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < lucid_now() - interval '30 days' AND EXISTS (
        SELECT 1 FROM payouts_attempt
        WHERE id = OLD.attempt_id AND state IN ('succeeded', 'reverted', 'dead', 'withdrawn')
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% on % is refused: only old answers of attempts that are over are deleted', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER payouts_nodeanswer_rows_stay BEFORE UPDATE OR DELETE ON payouts_nodeanswer
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_answer();
"""

BACKWARD = """
DROP TRIGGER payouts_nodeanswer_rows_stay ON payouts_nodeanswer;
DROP FUNCTION refuse_change_of_answer();
CREATE TRIGGER payouts_nodeanswer_rows_stay BEFORE UPDATE OR DELETE ON payouts_nodeanswer
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0028_proofs")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
