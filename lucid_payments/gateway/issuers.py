"""Whose tokens the gateway lets through, and by which keys: our own ring's and those of each outside issuer's file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from lucid_payments.accounts import issuers
from lucid_payments.accounts.keys import token_ring

# In any case; the configuration says `none` for a claim that is missing.
OUTSIDE_TYPES: Final = ("access", "bearer", "none")
# What stands in the configuration between single quotes: an address's characters, and none that could end them.
_QUOTABLE: Final = re.compile(r"[A-Za-z0-9._~:/?#@!$&()*+,;=%|-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """`keys` by `kid`; `types` are what the claim `typ` may say, to the letter in a token of ours."""

    name: str
    iss: str
    aud: str
    keys: Mapping[str, RSAPublicKey]
    types: tuple[str, ...]
    is_ours: bool = False


def believed() -> tuple[list[TokenIssuer], list[str]]:
    """Everybody whose tokens the service believes, and in words what of it the gateway can't.

    Raises ImproperlyConfigured for a ring or a list that can't be read.
    """
    ring = token_ring()
    ours = TokenIssuer(
        "ourselves", settings.JWT_ISSUER, settings.JWT_AUDIENCE,
        {key.kid: key.public for key in ring.keys}, ("access",), is_ours=True,
    )  # fmt: skip
    found = [ours]
    problems: list[str] = []
    for outside in issuers.configured().values():
        key_set = issuers.keys_of(outside)
        problems += [f"Outside issuer {outside.name}: {problem}" for problem in key_set.problems]
        found.append(TokenIssuer(outside.name, outside.iss, outside.aud, key_set.keys, OUTSIDE_TYPES))
    usable = [_quotable(issuer, problems) for issuer in found]
    return [issuer for issuer in usable if issuer is not None], problems


def _quotable(issuer: TokenIssuer, problems: list[str]) -> TokenIssuer | None:
    """The issuer without keys whose names can't be written down; None where it can't be itself."""
    if not (_QUOTABLE.fullmatch(issuer.iss) and _QUOTABLE.fullmatch(issuer.aud)):
        problems.append(
            f"The tokens of {issuer.name} are refused at the gateway: its iss or aud has other characters than "
            "an address has, or more than 200."
        )
        return None
    strange = [kid for kid in issuer.keys if not _QUOTABLE.fullmatch(kid)]
    problems += [
        f"The key {kid!r} of {issuer.name} is refused at the gateway: its kid has other characters than an address "
        "has, or more than 200."
        for kid in strange
    ]
    keys = {kid: key for kid, key in issuer.keys.items() if kid not in strange}
    return TokenIssuer(issuer.name, issuer.iss, issuer.aud, keys, issuer.types, issuer.is_ours)
