"""A person's key to a fenced onion service: x25519, one half for tor's folder, the private one for them alone."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

# tor's own form of a client file (rend-spec-v3, client authorisation); 32 bytes are 52 letters of base32.
PUBLIC_LINE: Final = re.compile(r"descriptor:x25519:([A-Z2-7]{52})")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A new pair. The private half is never kept, logged or shown twice."""

    public: str
    private: str = field(repr=False)

    @property
    def public_line(self) -> str:
        """The content of `authorized_clients/NAME.auth`."""
        return f"descriptor:x25519:{self.public}"

    def private_line(self, address: str) -> str:
        """The content of a client's `NAME.auth_private`; Tor Browser asks for its last part alone."""
        return f"{address.removesuffix('.onion')}:descriptor:x25519:{self.private}"


def generate() -> ClientKey:
    """A pair that nobody has."""
    key = X25519PrivateKey.generate()
    return ClientKey(
        public=_base32(key.public_key().public_bytes_raw()), private=_base32(key.private_bytes_raw())
    )


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=")
