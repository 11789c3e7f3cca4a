"""A counter is never raised above its cap, whoever writes; lowering a cap below what is reserved is allowed."""

from django.db import migrations

CAP = """
CREATE FUNCTION refuse_above_cap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'limit window %: % reserved and posted would be above the cap of %',
        NEW.id, NEW.reserved + NEW.posted, NEW.cap + NEW.waived USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER routers_limitwindow_cap_holds BEFORE UPDATE ON routers_limitwindow FOR EACH ROW
    WHEN (NEW.reserved + NEW.posted > OLD.reserved + OLD.posted AND NEW.reserved + NEW.posted > NEW.cap + NEW.waived)
    EXECUTE FUNCTION refuse_above_cap();
"""


def create_kill_switch(apps, schema_editor):
    apps.get_model("routers", "KillSwitch").objects.create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("routers", "0001_initial")]
    operations = [
        migrations.RunSQL(CAP, migrations.RunSQL.noop),
        migrations.RunPython(create_kill_switch, migrations.RunPython.noop),
    ]
