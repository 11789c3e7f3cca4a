from django.db import migrations

# The writer's transaction id: in the order of ids alone a reader would pass over what commits late.
TRANSACTION = """
ALTER TABLE events_event ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX event_feed_of_owner ON events_event (owner_id, transaction, id);
CREATE INDEX event_feed ON events_event (transaction, id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            TRANSACTION,
            "ALTER TABLE events_event DROP COLUMN transaction;",
        ),
    ]
