"""Which provider is asked for what, by the settings; `offline` is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from kyc.models import ProviderKind
from kyc.providers.interface import Provider
from kyc.providers.offline import Offline
from kyc.providers.recording import Recording

_SETTINGS: Final = {
    ProviderKind.ANALYTICS: "CHAIN_ANALYTICS_PROVIDER",
    ProviderKind.PEP: "PEP_PROVIDER",
    ProviderKind.TRAVEL_RULE: "TRAVEL_RULE_PROVIDER",
}


def provider_of(kind: ProviderKind) -> Provider:
    """Who is asked."""
    if getattr(settings, _SETTINGS[kind]) == Offline.name:
        return Offline()
    return Recording(Path(settings.PROVIDER_RECORDINGS))


@register("lucid")
def check_providers(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """A recording provider has somewhere to write, and clears nobody where real money is paid."""
    recording = [name for name in _SETTINGS.values() if getattr(settings, name) == Recording.name]
    found: list[CheckMessage] = []
    if recording and not settings.PROVIDER_RECORDINGS:
        found.append(
            Error("A recording provider needs a folder.", hint="Set PROVIDER_RECORDINGS.", id="kyc.E104")
        )
    if recording and settings.LUCID_ENV == "production":
        found.append(
            Error(
                f"{', '.join(recording)}: a recording provider clears whom a file says.",
                hint="It is for trying things out; set it to offline.",
                id="kyc.E105",
            )
        )
    return found
