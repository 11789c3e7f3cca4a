from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "lucid_payments.audit"
    label = "audit"

    def ready(self) -> None:
        from lucid_payments.api import metrics
        from lucid_payments.audit.checking import AuditCollector

        metrics.register(AuditCollector())
