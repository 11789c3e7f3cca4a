"""Looking a person up without reading anybody: the same text has the same keyed hash."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Final

from kyc.vault import keys

DOMAIN: Final = b"lucid/vault/blind/v1\0"


def blind(field: str, text: str) -> bytes:
    """HMAC-SHA-256 (32 bytes) of `text` for the field of that name, under the ring's own key for it.

    Texts that differ in case, width of letters or blanks have the same one. It is stored beside the sealed value
    and outlives the subject's data key: an erasure deletes it. Raises KeysUnavailable.
    """
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    message = DOMAIN + field.encode() + b"\0" + folded.encode()
    return hmac.new(keys.ring().blind_key, message, hashlib.sha256).digest()
