from django.db import migrations


class Migration(migrations.Migration):
    """What waits for a second person waits in the back office's own table alone."""

    dependencies = [("routers", "0004_first_policies"), ("backoffice", "0002_acts_stay_as_asked")]

    operations = [migrations.DeleteModel(name="Ask")]
