from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class BackOfficeConfig(AppConfig):
    name = "lucid_payments.backoffice"

    def ready(self) -> None:
        from lucid_payments.backoffice import sessions

        user_logged_in.connect(sessions.begin, dispatch_uid="lucid_payments.backoffice.sessions.begin")
