from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_duties"),
        ("kyc", "0012_address_book"),
    ]

    operations = [
        migrations.AlterModelOptions(name="kycrecord", options={"verbose_name": "KYC record"}),
    ]
