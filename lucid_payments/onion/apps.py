from django.apps import AppConfig


class OnionConfig(AppConfig):
    name = "lucid_payments.onion"
    label = "onion"

    def ready(self) -> None:
        from lucid_payments.onion import checks  # noqa: F401 - it registers itself
