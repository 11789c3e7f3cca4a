"""A treasury key's backup in parts: a sealed key file, and shares of what opens it, one a person.

The sealed file is a Web3 key file like any other, under 128 random bits; these are split by Shamir's scheme, so that
fewer shares than needed tell nothing. File and shares together are the key, however they came together.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coincurve import PrivateKey
from Crypto.Protocol.SecretSharing import Shamir

from payouts.tron.signing import keyfile
from payouts.tron.signing.errors import KeyFileError
from payouts.tron.signing.recovery import address_of
from payouts.tron.signing.secret import Secret

NEEDED: Final = 2
MOST_SHARES: Final = 9
SEAL_BYTES: Final = 16
_LINE: Final = re.compile(
    r"lucid-share/1 (T\w{33}) ([1-9]) ([1-9]) ([0-9a-f]{32}) ([0-9a-f]{8})\n?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Share:
    """One of several parts: of which key's backup, its number, and how many are needed."""

    address: str
    number: int
    needed: int
    part: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Share:
        """Raises KeyFileError: for no share, and for one that was copied with a mistake."""
        match = _LINE.fullmatch(Secret.from_file(path).reveal())
        if match is None:
            raise KeyFileError("NO_SHARE", f"{path} isn't a share: one line that begins with lucid-share/1.")
        found = cls(match[1], int(match[2]), int(match[3]), bytes.fromhex(match[4]))
        if found._check() != match[5]:
            raise KeyFileError(
                "MISCOPIED", f"The share in {path} was copied with a mistake: compare each digit."
            )
        return found

    def write(self, path: Path) -> None:
        """One line, which may also be copied to paper. Raises KeyFileError for a file that exists."""
        keyfile.write_new(
            path,
            f"lucid-share/1 {self.address} {self.number} {self.needed} {self.part.hex()} {self._check()}\n",
        )

    def _check(self) -> str:
        told = f"{self.address} {self.number} {self.needed} {self.part.hex()}"
        return hashlib.sha256(told.encode("ascii")).hexdigest()[:8]


def seal(key: PrivateKey, sealed: Path, shares: Sequence[Path], *, needed: int = NEEDED) -> str:
    """Writes the sealed file and a share to each path, opens it with them again, and answers the key's address.

    Raises KeyFileError. `needed` of the shares open it: two at least, and never all that there are, since one is lost
    sooner or later.
    """
    if not NEEDED <= needed < len(shares) <= MOST_SHARES:
        raise KeyFileError(
            "TOO_FEW_SHARES",
            f"Give {needed + 1} to {MOST_SHARES} files for shares, of which {needed} are needed.",
        )
    if taken := [str(path) for path in (sealed, *shares) if path.exists()]:
        raise KeyFileError("EXISTS", f"{', '.join(taken)} exists already and is never overwritten.")
    address = address_of(key.public_key)
    opens = os.urandom(SEAL_BYTES)
    parts = Shamir.split(needed, len(shares), opens, ssss=False)
    keyfile.import_key(sealed, Secret(key.to_hex()), Secret(opens.hex()), scrypt_n=keyfile.SCRYPT_N)
    for (number, part), path in zip(parts, shares, strict=True):
        Share(address, number, needed, part).write(path)
    del opens, parts, key
    # Each share is used once at least: opening it with the first ones alone would leave a bad one unseen.
    for start in range(len(shares) - needed + 1):
        unseal(sealed, shares[start : start + needed])
    return address


def unseal(sealed: Path, shares: Sequence[Path]) -> PrivateKey:
    """The key in a sealed file, by as many shares as it needs. Raises KeyFileError."""
    read = {share.number: share for share in map(Share.read, shares)}
    kinds = {(share.address, share.needed) for share in read.values()}
    if len(kinds) != 1:
        raise KeyFileError("MIXED_SHARES", "These shares belong to different keys.")
    ((address, needed),) = kinds
    if len(read) < needed:
        raise KeyFileError("TOO_FEW_SHARES", f"{needed} different shares are needed; there are {len(read)}.")
    parts = [(one.number, one.part) for one in list(read.values())[:needed]]
    opens = Secret(Shamir.combine(parts, ssss=False).hex())
    key = keyfile.open_key(sealed, opens)
    matches = address_of(key.public_key) == address
    if not matches:
        del key
        raise KeyFileError("MIXED_SHARES", f"{sealed} isn't the backup of {address}, whose shares these are.")
    return key
