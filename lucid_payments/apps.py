from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class LucidPaymentsConfig(AppConfig):
    name = "lucid_payments"
    label = "lucid_payments"
    verbose_name = "Lucid Payments"

    def ready(self) -> None:
        from lucid_payments import checks, privileges, seam  # noqa: F401 - the checks register themselves

        if settings.FAULT_POINTS_FOLDER and not settings.IS_LIVE:
            seam.listen(seam.Orders(Path(settings.FAULT_POINTS_FOLDER)))
        post_migrate.connect(privileges.after_migrate, dispatch_uid="lucid_payments.after_migrate")
