"""Triggers that hold whoever writes: a file stays as it came, and its hash is part of what is approved."""

from django.db import migrations

# As in 0017, with the source's hash where there is one. The same words as `payouts.approvals.content`.
CONTENT = """
CREATE OR REPLACE FUNCTION approval_content_hash(asked bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to('lucid/approval/v1'
            || max(CASE WHEN request.source_hash = '' THEN '' ELSE E'\\nsource ' || request.source_hash END)
            || string_agg(E'\\n' || payout.payout_id || ' '
            || payout.recipient_address || ' ' || payout.amount || ' ' || payout.router_type || ' ' || request.network
            || ' ' || payout.version, '' ORDER BY payout.id), 'UTF8')), 'hex')
    FROM payouts_payout AS payout JOIN payouts_approvalrequest AS request ON request.id = payout.approval_id
    WHERE request.id = asked AND payout.status = 'awaiting_approval'
$$;
CREATE TRIGGER payouts_approvalrequest_source_stays BEFORE UPDATE ON payouts_approvalrequest
    FOR EACH ROW WHEN (OLD.source_hash IS DISTINCT FROM NEW.source_hash) EXECUTE FUNCTION refuse_change();
"""
CONTENT_BEFORE = """
DROP TRIGGER payouts_approvalrequest_source_stays ON payouts_approvalrequest;
CREATE OR REPLACE FUNCTION approval_content_hash(asked bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to('lucid/approval/v1' || string_agg(E'\\n' || payout.payout_id || ' '
            || payout.recipient_address || ' ' || payout.amount || ' ' || payout.router_type || ' ' || request.network
            || ' ' || payout.version, '' ORDER BY payout.id), 'UTF8')), 'hex')
    FROM payouts_payout AS payout JOIN payouts_approvalrequest AS request ON request.id = payout.approval_id
    WHERE request.id = asked AND payout.status = 'awaiting_approval'
$$;
"""

FILES = """
CREATE FUNCTION check_upload() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'submitted' OR NEW.sha256 <> encode(sha256(NEW.content), 'hex') THEN
            RAISE EXCEPTION '%: its hash is another, or it is submitted before it was checked', NEW.upload_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state = 'submitted' OR
        (NEW.id, NEW.upload_id, NEW.uploader_id, NEW.name, NEW.kind, NEW.content, NEW.size, NEW.sha256,
         NEW.router_type, NEW.priority, NEW.batch_type, NEW.uploaded_at)
        IS DISTINCT FROM
        (OLD.id, OLD.upload_id, OLD.uploader_id, OLD.name, OLD.kind, OLD.content, OLD.size, OLD.sha256,
         OLD.router_type, OLD.priority, OLD.batch_type, OLD.uploaded_at)
    THEN
        RAISE EXCEPTION '% of % is refused: a file stays as it came', TG_OP, OLD.upload_id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.state = 'submitted' AND NOT EXISTS (
        SELECT FROM payouts_approvalrequest
        WHERE batch_id = NEW.batch_id AND creator_id = NEW.uploader_id AND source_hash = NEW.sha256
            AND payouts_asked = NEW.rows_count AND total = NEW.total_amount
    ) THEN
        RAISE EXCEPTION '%: its batch waits for no approval of this very file', NEW.upload_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payouts_payoutupload_stays BEFORE INSERT OR UPDATE OR DELETE ON payouts_payoutupload
    FOR EACH ROW EXECUTE FUNCTION check_upload();
CREATE TRIGGER payouts_payoutupload_table_stays BEFORE TRUNCATE ON payouts_payoutupload
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
FILES_BEFORE = """
DROP TRIGGER payouts_payoutupload_table_stays ON payouts_payoutupload;
DROP TRIGGER payouts_payoutupload_stays ON payouts_payoutupload;
DROP FUNCTION check_upload();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0026_uploads")]
    operations = [
        migrations.RunSQL(CONTENT, CONTENT_BEFORE),
        migrations.RunSQL(FILES, FILES_BEFORE),
    ]
