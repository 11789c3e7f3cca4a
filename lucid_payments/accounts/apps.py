from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "lucid_payments.accounts"
    label = "accounts"

    def ready(self) -> None:
        # For the acts and checks that they register, in commands and workers too.
        from lucid_payments.accounts import checks, client_acts, staff_acts  # noqa: F401
