"""The demo's compliance authority: a test key that stands on this machine, which a real authority's never does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from kyc.attestation import importing, keys, requesting, signing
from kyc.models import Authority, AuthorityKey, KeyState, Node
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.embedded.keys import AUTHORITY_FILE, AUTHORITY_PASSWORD_FILE
from payouts.tron.signing.trust import ACTIVE, TrustFile

BEFORE: Final = timedelta(days=60)


def attest(wallets: Mapping[Node, str], *, added_by: User, approved_by: User) -> None:
    """Have these nodes' wallets attested from two months ago on: requested, signed and taken in as in earnest.

    The signer trusts the authority by its own file, as in earnest too.
    """
    folder = Path(settings.TREASURY_KEY_FILE).parent
    key = keys.open_file(folder / AUTHORITY_FILE, (folder / AUTHORITY_PASSWORD_FILE).read_text().strip())
    AuthorityKey.objects.create(
        authority=Authority.objects.create(name=key.authority),
        kid=key.kid,
        x=keys.public_of(key.private),
        state=KeyState.ACTIVE,
        added_by=added_by,
        approved_by=approved_by,
        activated_at=clock.now(),
    )
    TrustFile.beside(Path(settings.SIGNER_JOURNAL_FILE)).decide(
        kid=key.kid,
        authority=key.authority,
        x=keys.public_of(key.private),
        state=ACTIVE,
        by=f"{added_by}, {approved_by}",
        reason="the demo's own authority",
        now_ms=clock.to_ms(clock.now()),
    )
    begin = clock.now() - BEFORE
    for node, wallet in wallets.items():
        claims = requesting.wanted(node, wallet, begin, requesting.Terms.usual())
        importing.take(signing.sign(claims, key, begin), actor=added_by)
