"""The one place where an owner's wallet changes: proven by a signature, confirmed by two people, or withdrawn.

The one before is void in the same moment; the new one counts after the cooling-off time, so that whoever got into an
account can't be paid before its owner was told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from django.conf import settings
from django.db import IntegrityError, transaction

from kyc import screening
from kyc.models import Moment, Node, Wallet, WalletEnd, WalletProof
from kyc.screening import Verdict
from kyc.wallets import challenges
from kyc.wallets.challenges import Challenge
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.api import errors
from lucid_payments.api.errors import HttpError, InvalidRequest
from lucid_payments.audit import log
from lucid_payments.clock import LucidNow
from lucid_payments.events import outbox
from lucid_payments.locks import hold_names
from payouts.tron import addresses, signed_messages
from payouts.tron.addresses import InvalidAddress
from payouts.tron.signed_messages import BadSignature

CHANGED: Final = "wallet.changed"
SPENT: Final = "This nonce proved a wallet before, or isn't yours, or is too old: ask for another."

# Raises InvalidAddress or a LucidError for an address that may not be registered; other rooms add theirs.
Guard = Callable[[str], None]
_GUARDS: Final[list[Guard]] = []


def register_guard(guard: Guard) -> None:
    """Have each new wallet's address asked about; apps do it in `AppConfig.ready`."""
    _GUARDS.append(guard)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, or a node of an operator's."""

    user: User | None = None
    node: Node | None = None

    @property
    def columns(self) -> dict[str, Any]:
        return {"user": self.user, "node": self.node}

    @property
    def account(self) -> User:
        """Who is told."""
        if self.user is not None:
            return self.user
        if self.node is None:
            raise ValueError("A wallet has an owner.")
        return self.node.operator.user

    def __str__(self) -> str:
        return f"node {self.node.node_id}" if self.node else f"user {self.account.get_username()}"


def current(owner: Owner) -> Wallet | None:
    """The owner's wallet, cooling off or counting."""
    return Wallet.objects.filter(**owner.columns, ended_at=None).first()


def check_address(address: str) -> None:
    """Raises errors.InvalidAddress, or what a guard raises, for what can't be anybody's wallet here."""
    try:
        addresses.decode(address)
        for guard in _GUARDS:
            guard(address)
    except InvalidAddress as error:
        raise errors.InvalidAddress({"wallet_address": [str(error)]}) from None


def require_acceptable(owner: Owner, address: str) -> None:
    """Screen the address. Raises RecipientNotAccepted for one that is listed.

    Outside the transaction of the change: the case that a hit opens is kept though nothing else is.
    """
    about = f"node {owner.node.node_id}" if owner.node else f"user {owner.account.public_id}"
    look = screening.screen_address(address, moment=Moment.REGISTRATION, about=about)
    if look.verdict(address) == Verdict.REFUSE:
        raise errors.RecipientNotAccepted


def prove(
    owner: Owner, *, actor: User, address: str, nonce: str, signature: str, request_id: str = ""
) -> Wallet:
    """Take a signed challenge as proof. The same one again answers the wallet it made.

    Raises InvalidRequest for a nonce that isn't this owner's or too old and for a signature by another key,
    errors.InvalidAddress and RecipientNotAccepted for the address, 409 for a nonce whose wallet is over.
    """
    made = _made_with(owner, address, nonce)
    if made is not None:
        return made
    challenge = _verified(owner, actor, address, nonce, signature)
    check_address(address)
    require_acceptable(owner, address)
    wallet = Wallet(
        **owner.columns, address=address, proof=WalletProof.SIGNED, message=challenge.message, signature=signature,
        nonce_sha256=challenge.fingerprint, added_by=actor,
    )  # fmt: skip
    with transaction.atomic():
        _hold(owner)
        # Somebody may have sent the same one meanwhile.
        made = _made_with(owner, address, nonce)
        before = current(owner)
        if made is not None or (before is not None and before.address == address):
            return made or cast(Wallet, before)
        return _replace(owner, before, wallet, actor=actor, request_id=request_id)


@transaction.atomic
def confirm(
    owner: Owner,
    *,
    actor: User,
    confirmer: User,
    address: str,
    evidence: dict[str, Any],
    request_id: str = "",
) -> Wallet:
    """Two people vouch for the address. Raises InvalidRequest, errors.InvalidAddress, or what a guard raises."""
    _hold(owner)
    check_address(address)
    before = current(owner)
    if before is not None and before.address == address:
        raise InvalidRequest({"wallet_address": ["This is the owner's wallet already."]})
    wallet = Wallet(
        **owner.columns, address=address, proof=WalletProof.CONFIRMED, added_by=actor, confirmed_by=confirmer
    )
    return _replace(owner, before, wallet, actor=actor, evidence=evidence, request_id=request_id)


@transaction.atomic
def withdraw(wallet: Wallet, *, actor: User, evidence: dict[str, Any], request_id: str = "") -> bool:
    """End the wallet: its owner has none from now on. False when it had ended."""
    owner = Owner(wallet.user, wallet.node)
    _hold(owner)
    if not _end(wallet, WalletEnd.WITHDRAWN):
        return False
    _record("wallet.withdrawn", owner, wallet, actor, evidence, request_id)
    return True


def _made_with(owner: Owner, address: str, nonce: str) -> Wallet | None:
    """The wallet that this very nonce proved. Raises HttpError 409 when it is over, InvalidRequest for another's."""
    made = Wallet.objects.filter(nonce_sha256=challenges.fingerprint(nonce)).first()
    if made is None:
        return None
    if (made.user, made.node, made.address) != (owner.user, owner.node, address):
        raise InvalidRequest({"nonce": [SPENT]})
    if made.ended_at is not None:
        raise HttpError(409, {"nonce": [SPENT]})
    return made


def _verified(owner: Owner, actor: User, address: str, nonce: str, signature: str) -> Challenge:
    """The challenge, signed by the wallet that it names. Raises InvalidRequest."""
    challenge = challenges.read(actor, owner.node, address, nonce)
    if challenge is None:
        raise InvalidRequest({"nonce": [SPENT]})
    try:
        signer = signed_messages.signer_of(challenge.message, signature)
    except BadSignature as error:
        raise InvalidRequest({"signature": [str(error)]}) from None
    if signer != address:
        raise InvalidRequest(
            {"signature": ["The message was signed by another wallet, or isn't the one we gave."]}
        )
    return challenge


def _replace(
    owner: Owner,
    before: Wallet | None,
    wallet: Wallet,
    *,
    actor: User,
    evidence: dict[str, Any] | None = None,
    request_id: str,
) -> Wallet:
    if before is not None:
        _end(before, WalletEnd.REPLACED)
    wallet.counts_from = clock.now() + timedelta(hours=settings.COOLING_OFF_HOURS)
    try:
        with transaction.atomic():
            wallet.save()
    except IntegrityError:
        # Only a nonce that another owner's wallet holds gets here: the owner's own is behind the lock.
        raise InvalidRequest({"nonce": [SPENT]}) from None
    details = {"replaces": before.pk if before else None, "proof": wallet.proof, **(evidence or {})}
    _record("wallet.set", owner, wallet, actor, details, request_id)
    return wallet


def _end(wallet: Wallet, end: WalletEnd) -> bool:
    return bool(Wallet.objects.filter(pk=wallet.pk, ended_at=None).update(ended_at=LucidNow(), end=end))


def _record(
    action: str, owner: Owner, wallet: Wallet, actor: User, details: dict[str, Any], request_id: str
) -> None:
    log.record(
        action, actor=actor, subject=wallet, details={"owner": str(owner), **details}, request_id=request_id
    )
    state = "withdrawn" if action == "wallet.withdrawn" else "cooling_off"
    outbox.emit(
        CHANGED,
        subject_type="wallet",
        subject_id=str(wallet.pk),
        owner=owner.account,
        payload={"state": state, "node_id": owner.node.node_id if owner.node else None},
    )


def _hold(owner: Owner) -> None:
    """One change of an owner's wallet at a time."""
    hold_names(
        [f"wallet {owner.user.pk}" if owner.user else f"wallet of node {owner.node.pk if owner.node else 0}"]
    )
