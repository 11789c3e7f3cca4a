"""Whether the work is done: the watcher watches, the signer lives, the log is sealed, nothing stands still."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from lucid_payments import clock
from lucid_payments.audit.models import AuditEntry, AuditSeal
from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from lucid_payments.money import SUN_PER_TRX, format_usdt
from payouts import chain, gates
from payouts.models.chain import Alarm, ChainState, SignerState
from payouts.tron.signing.errors import JournalError
from payouts.tron.signing.journal import GENESIS, chained_digest
from routers import killswitch

SUBJECT = "Work"
SEALED_AFTER: Final = timedelta(minutes=5)
LOOK_AT: Final = "systemctl status lucid-beat lucid-worker; journalctl -u lucid-worker."


@check(SUBJECT, needs="migrations", running=True, shared=True)
def watcher() -> Iterator[Finding]:
    """Fresh only while beat wakes it and a worker does it."""
    state = ChainState.objects.get(pk=1)
    if state.read_at is None:
        yield wrong(
            "The chain was never read.",
            LOOK_AT,
        )
        return
    age = clock.now() - state.read_at
    if age > chain.FRESH:
        yield wrong(
            f"The chain was last read {_words(age)} ago: beat or the worker stands still.",
            LOOK_AT,
        )
    else:
        yield right(f"The chain is watched: block {state.head_number:,}, read {_words(age)} ago.")
    if state.clock_trips >= 2:
        yield wrong("Our clock and the chain differ by more than a minute.", "Set this machine's clock.")


@check(SUBJECT, needs="migrations", running=True, shared=True)
def signer() -> Iterator[Finding]:
    state = SignerState.objects.get(pk=1)
    if state.locked_reason:
        yield wrong(f"The signer is locked: {state.locked_reason}", "docs/cases.md says what to decide.")
    elif not gates.signer_lives(clock.now()):
        since = f" since {_words(clock.now() - state.heartbeat_at)}" if state.heartbeat_at else ""
        yield wrong(
            f"The signer gives no sign of life{since}.",
            "journalctl -u lucid-signer: a wrong password, a key of another address, or a second signer.",
        )
    else:
        yield right("The signer lives, and its journal and the database agree.")


@check(SUBJECT)
def journal() -> Iterator[Finding]:
    """Read, never opened: the running signer has it. Its own user alone may."""
    if not settings.SIGNER_JOURNAL_FILE or not os.access(settings.SIGNER_JOURNAL_FILE, os.R_OK):
        return
    file = Path(settings.SIGNER_JOURNAL_FILE)
    head, signatures = GENESIS, 0
    # A last line without its end was never answered for.
    for line in file.read_bytes().split(b"\n")[:-1]:
        digest, _, body = line.partition(b" ")
        if digest.decode(errors="replace") != chained_digest(head, body):
            yield wrong(
                f"The journal {file} was altered at line {signatures + 1}: the signer refuses it.",
                "Put it back from its copy, and find out who wrote there.",
            )
            return
        head, signatures = digest.decode(), signatures + 1
    if not os.access(file, os.W_OK):
        yield wrong(
            f"The journal {file} can't be written: nothing is signed.", "It belongs to the signer's user."
        )
        return
    yield right(f"The journal is whole: {signatures} signatures.")


@check(SUBJECT)
def beside_the_journal() -> Iterator[Finding]:
    """Caps and trusted keys: what was altered there stops signing."""
    if not settings.SIGNER_JOURNAL_FILE or not os.access(Path(settings.SIGNER_JOURNAL_FILE).parent, os.X_OK):
        return
    from payouts import signer as desk

    for what, read in (("caps", desk.ceiling().changes), ("trusted keys", desk.trust().keys)):
        try:
            read()
        except JournalError as error:
            yield wrong(f"The signer's {what}: {error.sentence}", "Put the file back from its copy.")


@check(SUBJECT, needs="migrations", running=True, shared=True)
def treasury() -> Iterator[Finding]:
    state = ChainState.objects.get(pk=1)
    if state.treasury_read_at is None:
        return
    trx = state.treasury_trx // SUN_PER_TRX
    holds = f"The treasury holds {format_usdt(state.treasury_usdt)} USDT and {trx:,} TRX"
    if not state.treasury_usdt or not state.treasury_trx:
        yield wrong(f"{holds}.", f"Send both to {settings.TREASURY_ADDRESS}: TRX pays for the transfers.")
    else:
        yield right(f"{holds}.")
    if state.statement_detail:
        yield wrong(
            state.statement_detail, "docs/cases.md says what to decide; nothing is signed until then."
        )


@check(SUBJECT, needs="migrations", running=True, shared=True)
def stops() -> Iterator[Finding]:
    if killswitch.is_pulled():
        yield look(
            "The kill switch is pulled: nothing is paid.", "Two administrators release it in the back office."
        )
    for alarm in Alarm.objects.filter(cleared_at=None).order_by("raised_at"):
        yield look(
            f"Alarm since {alarm.raised_at:%Y-%m-%d %H:%M} UTC: {alarm.detail or alarm.kind}",
            f"docs/runbooks has a page for it ({alarm.kind}).",
        )


@check(SUBJECT, needs="migrations", running=True, shared=True)
def audit_log() -> Iterator[Finding]:
    newest = AuditSeal.objects.order_by("-position").first()
    waiting = AuditEntry.objects.filter(pk__gt=newest.entry_id if newest else 0).order_by("pk").first()
    if waiting is not None and clock.now() - waiting.at > SEALED_AFTER:
        yield wrong(
            f"The audit log isn't sealed since {waiting.at:%Y-%m-%d %H:%M} UTC.",
            "journalctl -u lucid-worker; `manage.py audit verify` shows what stands in the way.",
        )
    else:
        yield right(f"The audit log is sealed up to entry {newest.position if newest else 0:,}.")


def _words(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} minutes" if seconds < 7_200 else f"{seconds // 3_600} hours"
