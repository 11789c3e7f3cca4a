from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "lucid_payments.api"
    label = "api"
