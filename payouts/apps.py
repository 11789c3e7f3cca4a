from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"

    def ready(self) -> None:
        from kyc.attestation import deployment
        from kyc.wallets import changing as wallets
        from lucid_payments.api import metrics as exposed
        from lucid_payments.api.health_checks import register_check

        # Acts and checks register themselves.
        from payouts import acts, chain, checks, health, held, metrics, outcomes, refusals, signer_ceiling  # noqa: F401
        from payouts.reconciliation import acts as reconciling  # noqa: F401
        from payouts.reconciliation.gauges import ReconciliationCollector
        from routers import breakers, ceilings
        from routers import held as waiting

        wallets.register_guard(refusals.require_payable)
        deployment.register_contract(lambda: chain.network().usdt_contract)
        register_check("tron", health.tron)
        register_check("circuit_breaker", health.circuit_breaker)
        breakers.register_source(outcomes.Attempts())
        waiting.register_source(held.Payouts())
        ceilings.register_source(signer_ceiling.told)
        exposed.register(metrics.PayoutsCollector())
        exposed.register(ReconciliationCollector())
