"""The desk where transfers are signed: it trusts neither the database nor the web, only bytes it has re-read.

For each batch: check everything, write the journal, wait for the disk, and only then sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lucid_payments import seam
from payouts.tron import addresses
from payouts.tron.encoding import signed_transaction
from payouts.tron.signing.batch import Batch, Refusal
from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.journal import Journal
from payouts.tron.signing.keybook import KeyBook
from payouts.tron.signing.signer import Signer
from payouts.tron.sweep import is_sweep, read_sweep
from payouts.tron.transfer import IntentMismatch, TransferIntent, check_transfer

MIN_LIFE_MS: Final = 90_000
# A signature that lives long keeps its payout, and a restore, waiting for as long.
MAX_LIFE_MS: Final = 600_000
MAX_CLOCK_DIFFERENCE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and the bytes to broadcast."""

    attempt_id: str
    txid: str
    signature: bytes = field(repr=False)
    signed_transaction: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an attempt wasn't signed. Nothing of it was written or counted."""

    attempt_id: str
    code: str
    sentence: str


class SigningDesk:
    """Signs USDT transfers of one treasury under caps of its own, and sweeps to each key's fixed destination.

    `contract` is the network's USDT contract and `fee_limit_cap_sun` the most a transfer may burn. `owner` is
    the paying account if the signer's key isn't its own but stands in its permission `permission_id`. `others` are
    the keys before and after it, in a rotation; `book` is what people decided about each, none without one.
    """

    def __init__(
        self,
        signer: Signer,
        journal: Journal,
        caps: SigningCaps,
        contract: str,
        fee_limit_cap_sun: int,
        *,
        owner: str = "",
        permission_id: int = 0,
        others: Sequence[Signer] = (),
        book: KeyBook | None = None,
    ) -> None:
        self._signers = {each.address: each for each in others} | {owner or signer.address: signer}
        self._book = book
        self._journal = journal
        self._caps = caps
        self._contract = contract
        self._fee_limit_cap_sun = fee_limit_cap_sun
        self._permission_id = permission_id

    @property
    def addresses(self) -> frozenset[str]:
        """The accounts that it can sign for."""
        return frozenset(self._signers)

    def limit_to(self, caps: SigningCaps) -> None:
        """Sign under these caps from now on."""
        self._caps = caps

    def ready(self) -> None:
        """That each key can be used now. Raises `SigningError`."""
        for signer in self._signers.values():
            signer.ready()

    def sign(
        self, intents: Sequence[TransferIntent], *, now_ms: int, head_time_ms: int
    ) -> list[Signed | Refused]:
        """An answer for each intent, in order. Times are UTC milliseconds: ours, and the head block's.

        An attempt in the journal already is signed again, to the same bytes and without being counted twice:
        its first signature may have been lost on the way. Raises `JournalError`, `HsmError` or `SignatureError`;
        then no signature of this batch has left.
        """
        return self._sign(intents, self._refusal, now_ms=now_ms, head_time_ms=head_time_ms)

    def sign_sweeps(
        self, raw_datas: Mapping[str, bytes], *, now_ms: int, head_time_ms: int
    ) -> list[Signed | Refused]:
        """An answer for each sweep, given as its bytes by any name; `attempt_id` of the answer is that name.

        What they do is read from the bytes alone. They go to the key's destination or aren't signed; caps don't
        count. One of a key and currency that may still land keeps the next one waiting. Raises as `sign`.
        """
        read: list[tuple[str, TransferIntent]] = []
        answers: dict[str, Signed | Refused] = {}
        for name, raw_data in raw_datas.items():
            try:
                read.append((name, read_sweep(raw_data)))
            except IntentMismatch as error:
                answers[name] = Refused(name, "INTENT_MISMATCH", error.sentence)
        told = self._sign(
            [intent for _, intent in read], self._sweep_refusal, now_ms=now_ms, head_time_ms=head_time_ms
        )
        for (name, _), answer in zip(read, told, strict=True):
            answers[name] = replace(answer, attempt_id=name)
        return [answers[name] for name in raw_datas]

    def _sign(
        self,
        intents: Sequence[TransferIntent],
        refusal_of: Callable[[TransferIntent, Batch, int], Refusal | None],
        *,
        now_ms: int,
        head_time_ms: int,
    ) -> list[Signed | Refused]:
        batch = Batch(self._journal, self._caps, now_ms)
        refused: dict[int, Refused] = {}
        for position, intent in enumerate(intents):
            refusal = refusal_of(intent, batch, head_time_ms)
            if refusal is None:
                batch.take(intent)
            else:
                refused[position] = Refused(intent.attempt_id, *refusal)
        with seam.between("journal"):
            self._journal.append(batch.new, now_ms=now_ms)
        return [refused.get(position) or self._signed(intent) for position, intent in enumerate(intents)]

    def _refusal(self, intent: TransferIntent, batch: Batch, head_time_ms: int) -> Refusal | None:
        refusal = self._wrong_bytes(intent) or batch.conflict(intent, head_time_ms)
        if refusal or batch.knows(intent):
            return refusal
        return (
            self._retired(intent)
            or _wrong_time(intent, batch.now_ms, head_time_ms)
            or batch.over_caps(intent)
        )

    def _sweep_refusal(self, intent: TransferIntent, batch: Batch, head_time_ms: int) -> Refusal | None:
        refusal = self._wrong_sweep(intent) or batch.conflict(intent, head_time_ms)
        if refusal or batch.knows(intent):
            return refusal
        return _wrong_time(intent, batch.now_ms, head_time_ms)

    def _wrong_sweep(self, intent: TransferIntent) -> Refusal | None:
        if intent.owner not in self._signers or intent.permission_id != self._permission_id:
            return "WRONG_OWNER", "The sweep is paid by another account or permission than the treasury's."
        if intent.contract not in ("", self._contract):
            return "WRONG_CONTRACT", "The sweep calls another contract than this network's USDT."
        if intent.fee_limit_sun > self._fee_limit_cap_sun:
            return self._fee_too_high()
        destination = self._book.destinations().get(intent.owner) if self._book else None
        if destination is None:
            return "NO_DESTINATION", f"No destination was ever fixed for the key of {intent.owner}."
        if intent.recipient != destination:
            return (
                "WRONG_DESTINATION",
                f"The sweep goes to {intent.recipient}; the key's destination is {destination}.",
            )
        return None

    def _retired(self, intent: TransferIntent) -> Refusal | None:
        """What was signed before a key was retired is signed again to the same bytes; nothing new is."""
        if self._book and intent.owner in self._book.retired():
            return "KEY_RETIRED", f"The key of {intent.owner} is retired: it signs nothing but sweeps."
        return None

    def _fee_too_high(self) -> Refusal:
        return "FEE_LIMIT_CAP", f"The fee limit is above the signer's cap of {self._fee_limit_cap_sun} sun."

    def _wrong_bytes(self, intent: TransferIntent) -> Refusal | None:
        try:
            check_transfer(intent.raw_data, intent)
            for own in self._signers:
                addresses.check_recipient(intent.recipient, contract=self._contract, treasury=own)
        except IntentMismatch as error:
            return "INTENT_MISMATCH", error.sentence
        except addresses.InvalidAddress as error:
            return "BAD_ADDRESS", str(error)
        if is_sweep(intent.payout_id):
            return "NO_PAYOUT", "A payout that is called a sweep would count for no cap."
        if intent.contract != self._contract:
            return "WRONG_CONTRACT", "The transfer calls another contract than this network's USDT."
        if intent.owner not in self._signers or intent.permission_id != self._permission_id:
            return "WRONG_OWNER", "The transfer is paid by another account or permission than the treasury's."
        if intent.fee_limit_sun > self._fee_limit_cap_sun:
            return self._fee_too_high()
        return None

    def _signed(self, intent: TransferIntent) -> Signed:
        signature = self._signers[intent.owner].sign(bytes.fromhex(intent.txid))
        signed = signed_transaction(intent.raw_data, [signature])
        return Signed(intent.attempt_id, intent.txid, signature, signed)


def _wrong_time(intent: TransferIntent, now_ms: int, head_time_ms: int) -> Refusal | None:
    if abs(now_ms - head_time_ms) > MAX_CLOCK_DIFFERENCE_MS:
        return "CLOCK", "Our clock and the chain's head are more than 60 seconds apart."
    life_ms = intent.expiration_ms - head_time_ms
    if life_ms < MIN_LIFE_MS:
        return "TOO_LATE", "The transaction has less than 90 seconds of life left."
    if life_ms > MAX_LIFE_MS:
        return "LIVES_TOO_LONG", "The transaction would live longer than 10 minutes."
    return None
