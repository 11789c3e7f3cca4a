from django.apps import AppConfig


class RoutersConfig(AppConfig):
    name = "routers"

    def ready(self) -> None:
        from routers import metrics

        metrics.register()
