from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"

    def ready(self) -> None:
        from lucid_payments.api.health_checks import register_check
        from payouts import health

        register_check("tron", health.tron)
        register_check("circuit_breaker", health.circuit_breaker)
