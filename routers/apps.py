from django.apps import AppConfig


class RoutersConfig(AppConfig):
    name = "routers"

    def ready(self) -> None:
        # The acts register themselves, for commands and workers too.
        from lucid_payments.api import metrics as exposed
        from routers import acts, metrics  # noqa: F401

        exposed.register(metrics.RoutersCollector())
