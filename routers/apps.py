from django.apps import AppConfig


class RoutersConfig(AppConfig):
    name = "routers"

    def ready(self) -> None:
        # The acts register themselves, for commands and workers too.
        from routers import acts, metrics  # noqa: F401

        metrics.register()
