from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "lucid_payments.gateway"
    label = "gateway"
