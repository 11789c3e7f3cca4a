from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "lucid_payments.api"
    label = "api"

    def ready(self) -> None:
        # For the acts that they register, in commands and workers too.
        from lucid_payments.api import block_acts, limit_acts  # noqa: F401
