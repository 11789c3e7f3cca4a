from django.apps import AppConfig


class DoctorConfig(AppConfig):
    """Its checks are loaded by its command alone: some of them know the signer, which the web must not."""

    name = "lucid_payments.doctor"
    label = "doctor"
