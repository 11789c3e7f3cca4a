from django.apps import AppConfig
from django.db.models.signals import post_migrate


class LucidPaymentsConfig(AppConfig):
    name = "lucid_payments"
    label = "lucid_payments"
    verbose_name = "Lucid Payments"

    def ready(self) -> None:
        from lucid_payments import checks, privileges  # noqa: F401 - the checks register themselves

        post_migrate.connect(privileges.after_migrate, dispatch_uid="lucid_payments.after_migrate")
