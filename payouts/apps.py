from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"

    def ready(self) -> None:
        from celery.signals import worker_init

        from kyc.addressbook import changing, reading
        from kyc.attestation import deployment
        from kyc.screening import cases as screening_cases
        from kyc.screening import rescreening
        from kyc.wallets import changing as wallets
        from lucid_payments.api import metrics as exposed
        from lucid_payments.api.health_checks import register_check

        # Acts and checks register themselves.
        from payouts import (  # noqa: F401
            acts,
            attested,
            chain,
            checks,
            cooling,
            health,
            heartbeat,
            held,
            metrics,
            outcomes,
            provided,
            refusals,
            screened,
            signer_ceiling,
            start_clock,
        )
        from payouts.approvals import checks as checks_before_approval
        from payouts.approvals import recipients
        from payouts.gauges import StateCollector
        from payouts.reconciliation import acts as reconciling  # noqa: F401
        from payouts.reconciliation.gauges import ReconciliationCollector
        from payouts.reports import acts as reporting  # noqa: F401
        from routers import breakers, ceilings
        from routers import held as waiting

        wallets.register_guard(refusals.require_payable)
        deployment.register_contract(lambda: chain.network().usdt_contract)
        checks_before_approval.register("Screening", screened.words)
        checks_before_approval.register("Chain analytics", provided.words)
        checks_before_approval.register("Attestation", attested.words)
        rescreening.register("payouts.recipients", screened.Recipients())
        screening_cases.when_cleared(screened.go_on)
        recipients.register_names(reading.names)
        reading.register_paid(cooling.paid)
        changing.register_listener(cooling.let_go)
        worker_init.connect(start_clock.refuse_the_past)
        register_check("tron", health.tron)
        register_check("circuit_breaker", health.circuit_breaker)
        breakers.register_source(outcomes.Attempts())
        waiting.register_source(held.Payouts())
        ceilings.register_source(signer_ceiling.told)
        exposed.register(metrics.PayoutsCollector())
        exposed.register(ReconciliationCollector())
        exposed.register(StateCollector())
