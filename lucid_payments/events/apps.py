from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "lucid_payments.events"
    label = "events"

    def ready(self) -> None:
        # For the acts that it registers, in commands and workers too.
        from lucid_payments.events import webhook_acts  # noqa: F401
