from django.apps import AppConfig


class KycConfig(AppConfig):
    name = "kyc"

    def ready(self) -> None:
        # Acts and checks register themselves, for commands and workers too.
        import kyc.desk.acts  # noqa: F401
        from kyc.addressbook import acts as book_acts  # noqa: F401
        from kyc.attestation import acts as attesting  # noqa: F401
        from kyc.attestation import deployment
        from kyc.providers import choice  # noqa: F401
        from kyc.review import confirmed
        from kyc.rights import acts as answering  # noqa: F401
        from kyc.screening import acts as screening_acts  # noqa: F401
        from kyc.screening import cases, freshness, sources, system_checks  # noqa: F401
        from kyc.screening.metrics import ScreeningCollector
        from kyc.vault import checks, keys  # noqa: F401
        from kyc.wallets import acts  # noqa: F401
        from lucid_payments.api import metrics
        from lucid_payments.watch import expiry

        metrics.register(ScreeningCollector())
        expiry.register_key("kyc", keys.in_use_since)
        cases.when_confirmed(confirmed.suspend)
        deployment.register_lists(
            in_force=lambda: {name: str(found.number) for name, found in freshness.in_force().items()},
            required=lambda: (source.name for source in sources.required()),
        )
