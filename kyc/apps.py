from django.apps import AppConfig


class KycConfig(AppConfig):
    name = "kyc"

    def ready(self) -> None:
        # Acts and checks register themselves.
        from kyc.screening import system_checks  # noqa: F401
        from kyc.vault import checks  # noqa: F401
        from kyc.wallets import acts  # noqa: F401
