from django.db import migrations

from lucid_payments import clock, privileges


class Migration(migrations.Migration):
    dependencies = []
    operations = [
        migrations.RunSQL(clock.PLAIN, "DROP FUNCTION lucid_now()"),
        migrations.RunSQL(privileges.APPEND_ONLY_FUNCTION, "DROP FUNCTION refuse_change()"),
    ]
