"""System check: live, a person's data is stored under keys that stand outside the database, or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from kyc import keyring
from kyc.keyring import KeyRingError


@register("lucid")
def check_vault_keys(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The signer and beat run as users who can't read the file: whoever can must find a whole ring in it."""
    if not settings.KYC_KEYS_FILE:
        if not settings.IS_LIVE:
            return []
        return [
            Error(
                "There is no key ring for personal data: no KYC record could be stored or read.",
                hint="Set KYC_KEYS_FILE, and make the file with `manage.py vaultkeys create`.",
                id="kyc.E001",
            )
        ]
    file = Path(settings.KYC_KEYS_FILE)
    try:
        if os.access(file, os.R_OK):
            keyring.load(file)
    except KeyRingError as error:
        hint = "Put the ring back from its copy: another one opens nothing of what is stored."
        return [Error(f"KYC_KEYS_FILE: {error}", hint=hint, id="kyc.E002")]
    return []
