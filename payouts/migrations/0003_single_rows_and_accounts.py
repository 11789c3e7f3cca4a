"""The rows there is exactly one of, and the ledger's accounts."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("payouts", "ChainState").objects.create(pk=1)
    apps.get_model("payouts", "SignerState").objects.create(pk=1)
    account = apps.get_model("payouts", "LedgerAccount")
    for name in ("treasury", "deposits", "suspense", "payable_v0", "payable_kyc"):
        account.objects.create(name=name, currency="USDT")
    for name in ("treasury_trx", "deposits_trx", "fees"):
        account.objects.create(name=name, currency="TRX")


class Migration(migrations.Migration):
    dependencies = [("payouts", "0002_what_never_changes")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
