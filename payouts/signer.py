"""The signer's round. Runs in the signer's own process, the only one that holds the key.

It takes nothing but attempts that stand prepared in the database, compares each with its payout, and signs only
while the watcher's statement is fresh, the kill switch is not pulled, and its own journal and the database agree.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F

from kyc import screening
from lucid_payments import clock, seam
from lucid_payments.clock import LucidNow
from lucid_payments.money import SUN_PER_TRX
from payouts import alarms, chain, cooling, recovery, screened, signer_attestations, treasury_key
from payouts.execution import SIGN_BATCH, SigningResult
from payouts.manager import PayoutManager
from payouts.models.attempt import Attempt
from payouts.models.chain import ChainState, SignerState
from payouts.models.payout import HoldReason, PayoutStatus
from payouts.sweeps import door
from payouts.tron import addresses
from payouts.tron.encoding import decode_raw_data, txid
from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.ceiling import Ceiling
from payouts.tron.signing.desk import Refused, Signed, SigningDesk
from payouts.tron.signing.errors import JournalError, SigningError
from payouts.tron.signing.highest import HighestNumbers
from payouts.tron.signing.journal import Entry, Journal
from payouts.tron.signing.keybook import KeyBook
from payouts.tron.signing.trust import TrustFile
from payouts.tron.sweep import is_sweep
from payouts.tron.transfer import TransferIntent
from payouts.verdicts import intent_of
from routers import killswitch

log = logging.getLogger(__name__)
ALARM = "signer_fails"
# The caps count by time, and whoever owns the database owns its clock.
OWN_CLOCK_MS = 60_000
BLACKLIST_ANSWER_AGE = timedelta(seconds=60)


@functools.cache
def journal() -> Journal:
    """The open journal of this process; a second signer is refused by its lock."""
    if not settings.SIGNER_JOURNAL_FILE:
        raise ImproperlyConfigured("SIGNER_JOURNAL_FILE: name the file where the signer keeps its journal.")
    opened = Journal(Path(settings.SIGNER_JOURNAL_FILE))
    if opened.repaired:
        log.warning("journal: %s", opened.repaired)
    return opened


def ceiling() -> Ceiling:
    """The signer's own caps: those of the settings until people move them (`manage.py signer caps`)."""
    initial = SigningCaps(daily=settings.SIGNER_DAILY_CAP, hourly=settings.SIGNER_HOURLY_CAP)
    return Ceiling.beside(Path(settings.SIGNER_JOURNAL_FILE), initial)


def trust() -> TrustFile:
    """The authorities' keys that the signer trusts, by its own file."""
    return TrustFile.beside(Path(settings.SIGNER_JOURNAL_FILE))


def keybook() -> KeyBook:
    """What people decided about each treasury key, by the signer's own file."""
    return KeyBook.beside(Path(settings.SIGNER_JOURNAL_FILE))


@functools.cache
def highest() -> HighestNumbers:
    """The newest attestation seen of each subject, by the signer's own file. Raises JournalError."""
    return HighestNumbers.beside(journal())


@functools.cache
def desk() -> SigningDesk:
    """The keys opened, once, by their passwords or PIN. Raises SigningError."""
    signer, *others = treasury_key.open_signers()
    return SigningDesk(
        signer,
        journal(),
        ceiling().caps(),
        chain.network().usdt_contract,
        settings.FEE_LIMIT_CAP_TRX * SUN_PER_TRX,
        others=others,
        book=keybook(),
    )


def sign_prepared() -> int:
    """Sign what is prepared and may be signed; answers how many signatures left the desk.

    Raises SigningError when key or journal can't be used; an alarm says why, and without sign of life nothing more
    is released.
    """
    try:
        return _sign_prepared()
    except SigningError as error:
        alarms.raise_alarm(ALARM, f"The signer can't sign: {error.sentence}")
        raise


def _sign_prepared() -> int:
    opened, caps = desk(), ceiling().caps()
    opened.ready()
    opened.limit_to(caps)
    recovery.compare(journal(), lambda entry: _sign_again(opened, entry))
    with seam.between("heartbeat"):
        SignerState.objects.filter(pk=1).update(
            heartbeat_at=LucidNow(),
            rounds=F("rounds") + 1,
            address=settings.TREASURY_ADDRESS,
            addresses=sorted(opened.addresses),
            hourly_cap=caps.hourly,
            daily_cap=caps.daily,
        )
    alarms.clear([ALARM])
    signed = sign_sweeps(opened)
    while True:
        state = chain.state()
        why_not = refusal(state, clock.now())
        if why_not:
            log.info("nothing is signed: %s", why_not)
            return signed
        result = PayoutManager.sign(lambda rows, at, state=state: _ask(opened, rows, at, state))  # type: ignore[misc]
        signed += len(result.signed)
        if len(result.signed) + len(result.refused) < SIGN_BATCH:
            return signed


def sign_sweeps(opened: SigningDesk) -> int:
    """Sweeps, each to its key's own destination: neither kill switch nor lock nor caps nor a statement stop them.

    They are what is left to do when one of those has: money can only come home by them.
    """

    def ask(raw_datas: Mapping[str, bytes]) -> Sequence[Signed | Refused]:
        answers = opened.sign_sweeps(
            raw_datas, now_ms=clock.to_ms(clock.now()), head_time_ms=chain.state().head_time_ms
        )
        written = [answer.txid for answer in answers if isinstance(answer, Signed)]
        if written:
            recovery.note_journal(journal(), written[-1])
        return answers

    return len(door.sign(ask))


def refusal(state: ChainState, now: datetime) -> str:
    """Why nothing at all may be signed now; empty when it may."""
    if killswitch.is_pulled():
        return "the kill switch is pulled"
    if settings.IS_LIVE and abs(clock.to_ms(now) - time.time_ns() // 1_000_000) > OWN_CLOCK_MS:
        return "this machine's clock and the database's differ by more than 60 seconds"
    locked = SignerState.objects.get(pk=1).locked_reason
    if locked:
        return f"the signer is locked: {locked}"
    if state.statement_at is None or not timedelta(0) <= now - state.statement_at <= chain.FRESH:
        return state.statement_detail or "the watcher's statement isn't fresh"
    if state.read_at is None or now - state.read_at > chain.FRESH or state.clock_trips >= 2:
        return "the chain's reading is old or the clocks differ"
    return ""


def _ask(opened: SigningDesk, rows: list[Attempt], at: datetime, state: ChainState) -> SigningResult:
    """The desk's decision about each attempt; called inside the transaction that holds their rows."""
    result = SigningResult()
    fit: list[Attempt] = []
    # Its own look, in the transaction that signs, whatever was found before.
    look = screening.look({attempt.recipient_address for attempt in rows}, at)
    result.lists = look.versions
    late = cooling.until([attempt.payout for attempt in _not_journalled(rows)], at)
    for attempt in rows:
        sentence = _unfit(attempt, at)
        listed = screened.refusal(attempt.recipient_address, look)
        if sentence:
            result.refused[attempt.pk] = (HoldReason.SIGNER, sentence)
        elif listed is not None:
            result.refused[attempt.pk] = listed
        elif attempt.payout.pk in late:
            sentence = cooling.sentence(late[attempt.payout.pk])
            result.refused[attempt.pk] = (HoldReason.COOLING_OFF, sentence)
        else:
            fit.append(attempt)
    screened.note_unsigned([attempt for attempt in rows if attempt.pk in result.refused], look)
    if killswitch.is_pulled():
        return SigningResult()
    verdicts = signer_attestations.judge(_not_journalled(fit), trust(), highest(), at)
    for pk, lost in verdicts.lost.items():
        result.refused[pk] = (lost.reason, lost.sentence)
    fit = [attempt for attempt in fit if attempt.pk not in verdicts.lost]
    highest().note(verdicts.seen, now_ms=clock.to_ms(at))
    answers = opened.sign(
        [intent_of(attempt) for attempt in fit], now_ms=clock.to_ms(at), head_time_ms=state.head_time_ms
    )
    for attempt, answer in zip(fit, answers, strict=True):
        if isinstance(answer, Signed):
            result.signed[attempt.pk] = answer.signed_transaction
        else:
            log.warning("attempt %s is not signed: %s", attempt.pk, answer.sentence)
            result.refused[attempt.pk] = (HoldReason.SIGNER, f"The signer refused: {answer.sentence}")
    written = [answer.txid for answer in answers if isinstance(answer, Signed)]
    if written:
        recovery.note_journal(journal(), written[-1])
    return result


def _not_journalled(attempts: list[Attempt]) -> list[Attempt]:
    """A signature that may have left can't be taken back for a condition that was lost since."""
    return [attempt for attempt in attempts if not journal().txid_of_attempt(str(attempt.pk))]


def _sign_again(opened: SigningDesk, entry: Entry) -> bytes:
    """The signed bytes of a journalled transaction: the same txid, whose signature an HSM makes another time."""
    raw_data = bytes.fromhex(entry.raw_data)
    now_ms, head_time_ms = clock.to_ms(clock.now()), chain.state().head_time_ms
    if is_sweep(entry.payout_id):
        told = opened.sign_sweeps({entry.txid: raw_data}, now_ms=now_ms, head_time_ms=head_time_ms)
    else:
        told = opened.sign([_journalled(entry, raw_data)], now_ms=now_ms, head_time_ms=head_time_ms)
    (answer,) = told
    if not isinstance(answer, Signed):
        raise JournalError("BROKEN", f"A journalled transaction isn't signed again: {answer.sentence}")
    return answer.signed_transaction


def _journalled(entry: Entry, raw_data: bytes) -> TransferIntent:
    """What a payout's line of the journal was signed for."""
    decoded = decode_raw_data(raw_data)
    return TransferIntent(
        payout_id=entry.payout_id,
        attempt_id=entry.attempt_id,
        owner=addresses.encode(decoded.contract.owner_address),
        recipient=entry.recipient,
        amount=entry.amount,
        contract=chain.network().usdt_contract,
        fee_limit_sun=decoded.fee_limit,
        expiration_ms=entry.expiration_ms,
        raw_data=raw_data,
    )


def _unfit(attempt: Attempt, at: datetime) -> str:
    """What the desk can't know: the payout's state, and how old the blacklist's answer is."""
    if attempt.payout.status != PayoutStatus.RELEASED:
        return "The payout isn't released any more."
    if attempt.txid != txid(bytes(attempt.raw_data)):
        return "The attempt's txid isn't that of its bytes: what became of it would be sought in vain."
    if not timedelta(0) <= at - attempt.blacklist_clear_at <= BLACKLIST_ANSWER_AGE:
        return "The answer whether the recipient is frozen is older than 60 seconds."
    return ""
