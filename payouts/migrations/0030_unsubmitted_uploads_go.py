"""A file that nobody submitted may be deleted a week after it came. Never changed, and no submitted one, as before."""

from django.db import migrations

FORWARD = """
DROP TRIGGER payouts_payoutupload_stays ON payouts_payoutupload;
CREATE TRIGGER payouts_payoutupload_stays BEFORE INSERT OR UPDATE ON payouts_payoutupload
    FOR EACH ROW EXECUTE FUNCTION check_upload();
CREATE TRIGGER payouts_payoutupload_kept BEFORE DELETE ON payouts_payoutupload
    FOR EACH ROW WHEN (OLD.state = 'submitted' OR OLD.uploaded_at > lucid_now() - interval '7 days')
    EXECUTE FUNCTION refuse_change();
"""

BACKWARD = """
DROP TRIGGER payouts_payoutupload_kept ON payouts_payoutupload;
DROP TRIGGER payouts_payoutupload_stays ON payouts_payoutupload;
CREATE TRIGGER payouts_payoutupload_stays BEFORE INSERT OR UPDATE OR DELETE ON payouts_payoutupload
    FOR EACH ROW EXECUTE FUNCTION check_upload();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0029_old_answers_may_go")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
