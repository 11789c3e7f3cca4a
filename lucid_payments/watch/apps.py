from django.apps import AppConfig


class WatchConfig(AppConfig):
    name = "lucid_payments.watch"
    label = "watch"

    def ready(self) -> None:
        from celery.signals import task_postrun

        from lucid_payments.accounts import keys
        from lucid_payments.api import metrics
        from lucid_payments.watch import expiry, periodic
        from lucid_payments.watch.backups import BackupCollector
        from lucid_payments.watch.expiry import ExpiryCollector
        from lucid_payments.watch.machine import MachineCollector
        from lucid_payments.watch.periodic import PeriodCollector

        for collector in (MachineCollector, BackupCollector, ExpiryCollector, PeriodCollector):
            metrics.register(collector())
        task_postrun.connect(periodic.note, dispatch_uid="lucid_payments.watch.periodic")
        expiry.register_key("token", lambda: keys.token_ring().signing.since)
