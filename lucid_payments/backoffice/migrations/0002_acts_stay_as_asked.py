from django.db import migrations

# What the second person confirms is what the first one asked for, and an answer is final: for everybody, the
# tables' owner included.
KEEP = """
CREATE FUNCTION keep_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'asked' OR
        (NEW.id, NEW.kind, NEW.subject_key, NEW.subject_label, NEW.facts, NEW.data, NEW.version, NEW.reason,
         NEW.asked_by_id, NEW.asked_at, NEW.expires_at)
        IS DISTINCT FROM
        (OLD.id, OLD.kind, OLD.subject_key, OLD.subject_label, OLD.facts, OLD.data, OLD.version, OLD.reason,
         OLD.asked_by_id, OLD.asked_at, OLD.expires_at)
    THEN
        RAISE EXCEPTION '% of act % is refused: it stays as it was asked and answered', TG_OP, OLD.id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER backoffice_twopersonact_stays BEFORE UPDATE OR DELETE ON backoffice_twopersonact
    FOR EACH ROW EXECUTE FUNCTION keep_act();
CREATE TRIGGER backoffice_twopersonact_table_stays BEFORE TRUNCATE ON backoffice_twopersonact
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
LET_GO = """
DROP TRIGGER backoffice_twopersonact_table_stays ON backoffice_twopersonact;
DROP TRIGGER backoffice_twopersonact_stays ON backoffice_twopersonact;
DROP FUNCTION keep_act();
"""


class Migration(migrations.Migration):
    dependencies = [("backoffice", "0001_initial"), ("audit", "0001_initial")]

    operations = [migrations.RunSQL(KEEP, LET_GO)]
