from django.apps import AppConfig


class KycConfig(AppConfig):
    name = "kyc"

    def ready(self) -> None:
        # Checks register themselves.
        from kyc.vault import checks  # noqa: F401
