from django.db import migrations, models

from lucid_payments.privileges import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_role_and_client"),
    ]

    operations = [
        migrations.CreateModel(
            name="PublishedHead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(help_text="UTC; one signature a day", unique=True)),
                ("at", models.DateTimeField()),
                ("deployment", models.CharField(max_length=60)),
                ("position", models.BigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("key", models.CharField(help_text="which public key verifies it", max_length=16)),
                ("signature", models.CharField(help_text="Ed25519, base64", max_length=88)),
            ],
        ),
        migrations.RunSQL(append_only("audit_publishedhead"), migrations.RunSQL.noop),
    ]
