"""The vault: what is known of a person stands sealed under a key of their own, and goes with that key.

Each subject has a data key, which is stored wrapped by a key-encryption key (KEK) of the ring in KYC_KEYS_FILE.
Whatever is wrong (no ring, another key, one changed byte, another row) raises a `VaultError`; nothing falls back.
"""

from kyc.vault.blind import blind
from kyc.vault.errors import Destroyed, KeysUnavailable, Unreadable, VaultError
from kyc.vault.sealing import Place
from kyc.vault.subjects import destroy, new_subject, open, seal

__all__ = [
    "Destroyed",
    "KeysUnavailable",
    "Place",
    "Unreadable",
    "VaultError",
    "blind",
    "destroy",
    "new_subject",
    "open",
    "seal",
]
