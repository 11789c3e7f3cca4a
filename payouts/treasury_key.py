"""Where the treasury's key is by the settings: inside an HSM where TREASURY_PKCS11_MODULE is set, else in a key file.

Imported by the signer's process and `manage.py treasury` alone, as all of `payouts.tron.signing`.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.hsm_login import HsmPlace
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.signer import KeyFileSigner, Signer


def open_signer() -> Signer:
    """The key as the signer opens it: its password or PIN from a file. Raises SigningError, ImproperlyConfigured."""
    if settings.TREASURY_PKCS11_MODULE:
        return HsmSigner(hsm_place(), Secret.from_file(Path(settings.TREASURY_PIN_FILE)))
    return KeyFileSigner.open(
        Path(settings.TREASURY_KEY_FILE), Secret.from_file(Path(settings.TREASURY_PASSWORD_FILE))
    )


def hsm_place(key: str = "") -> HsmPlace:
    """The key in the HSM, or another one in the same token. Raises ImproperlyConfigured for what isn't set."""
    for name in ("TREASURY_PKCS11_MODULE", "TREASURY_PKCS11_TOKEN", "TREASURY_PKCS11_KEY"):
        if not getattr(settings, name) and not (name.endswith("KEY") and key):
            raise ImproperlyConfigured(f"{name}: a key in an HSM needs its module, its token and its label.")
    journal = settings.SIGNER_JOURNAL_FILE
    return HsmPlace(
        settings.TREASURY_PKCS11_MODULE,
        settings.TREASURY_PKCS11_TOKEN,
        key or settings.TREASURY_PKCS11_KEY,
        refused=Path(journal + ".pin-refused") if journal else None,
    )
