"""Break-glass: never twice within 24 hours, its facts never change, and it is reviewed once, whoever writes."""

from django.db import migrations

STAYS = """
ALTER TABLE routers_breakglass ADD CONSTRAINT break_glass_once_a_day
    EXCLUDE USING gist (tstzrange(created_at, again_at) WITH &&);
CREATE TRIGGER routers_breakglass_reviewed_once BEFORE UPDATE ON routers_breakglass FOR EACH ROW
    WHEN (
        OLD.reviewed_at IS NOT NULL
        OR (OLD.id, OLD.window_id, OLD.amount, OLD.reason, OLD.actor_id, OLD.actor_label,
            OLD.created_at, OLD.ends_at, OLD.again_at)
        IS DISTINCT FROM
           (NEW.id, NEW.window_id, NEW.amount, NEW.reason, NEW.actor_id, NEW.actor_label,
            NEW.created_at, NEW.ends_at, NEW.again_at)
    ) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER routers_breakglass_rows_stay BEFORE DELETE ON routers_breakglass
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER routers_breakglass_table_stays BEFORE TRUNCATE ON routers_breakglass
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("routers", "0007_break_glass")]
    operations = [migrations.RunSQL(STAYS, migrations.RunSQL.noop)]
