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
    # Around a rotation into the HSM only the other key is in it yet.
    into_the_hsm = settings.TREASURY_OTHER_PKCS11_KEY and not settings.TREASURY_PKCS11_KEY
    if settings.TREASURY_PKCS11_MODULE and not into_the_hsm:
        return HsmSigner(hsm_place(), Secret.from_file(Path(settings.TREASURY_PIN_FILE)))
    return KeyFileSigner.open(
        Path(settings.TREASURY_KEY_FILE), Secret.from_file(Path(settings.TREASURY_PASSWORD_FILE))
    )


def open_signers() -> list[Signer]:
    """The key of TREASURY_ADDRESS first and, around a rotation, that of TREASURY_OTHER_ADDRESS.

    Raises SigningError, and ImproperlyConfigured for a key that isn't its address's.
    """
    opened = [_fitting(open_signer(), "TREASURY_ADDRESS")]
    if settings.TREASURY_OTHER_ADDRESS:
        opened.append(_fitting(_open_other(), "TREASURY_OTHER_ADDRESS"))
    return opened


def _open_other() -> Signer:
    if settings.TREASURY_OTHER_PKCS11_KEY:
        place = hsm_place(settings.TREASURY_OTHER_PKCS11_KEY)
        return HsmSigner(place, Secret.from_file(Path(settings.TREASURY_PIN_FILE)))
    return KeyFileSigner.open(
        Path(settings.TREASURY_OTHER_KEY_FILE), Secret.from_file(Path(settings.TREASURY_OTHER_PASSWORD_FILE))
    )


def _fitting(signer: Signer, name: str) -> Signer:
    wanted = getattr(settings, name)
    if signer.address != wanted:
        raise ImproperlyConfigured(f"{name} is {wanted}, but the key's address is {signer.address}.")
    return signer


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
