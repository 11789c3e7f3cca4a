from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "lucid_payments.audit"
    label = "audit"
