"""`manage.py treasury sweep` and `compromise`: begun by people on the signer's machine, done by signer and worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from lucid_payments import clock
from lucid_payments.accounts import machine_keys
from lucid_payments.accounts.models import MachineKey, User
from lucid_payments.audit import log
from lucid_payments.backoffice import prompt
from lucid_payments.money import format_usdt
from payouts import chain, ledger, signer, signer_people, treasury_keys
from payouts.models.attempt import UNRESOLVED, Attempt
from payouts.models.sweep import Sweep, SweepCause, SweepState
from payouts.sweeps import compromised, door
from payouts.tron.signing import JournalError
from routers import killswitch

TWO: Final = "A sweep empties the treasury: two administrators begin it."
NOT_HERE: Final = "SIGNER_JOURNAL_FILE isn't set: run this on the signer's machine, as the signer."
NO_DESTINATION: Final = (
    "No destination was fixed for the key of {address}: the signer sweeps it nowhere. Fix one now:\n"
    "    manage.py signer destination --key {address} --set ADDRESS --actor … --second … --reason …\n"
    "or move the money by the key itself, offline."
)


class Out(Protocol):
    def write(self, msg: str) -> object: ...


def add_actions(actions: Any) -> None:
    """The actions of `ACTS`, with their options."""
    sweeping = actions.add_parser("sweep", help="send all that a key holds to its destination")
    sweeping.add_argument("--trx", action="store_true", help="the TRX too, once the USDT are gone")
    compromised = actions.add_parser(
        "compromise", help="the key may be known: stop, revoke, sweep, checklist"
    )
    for parser in (sweeping, compromised):
        parser.add_argument(
            "--key", metavar="ADDRESS", help="the key's own address (default: the one that pays)"
        )
        prompt.add_arguments(parser)
    actions.add_parser("status", help="the sweeps that are under way, and the last that ended")


def sweep(out: Out, options: dict[str, Any]) -> None:
    """Show the plan, ask two people, and begin. Raises CommandError."""
    address = options["key"] or treasury_keys.current()
    try:
        destination = destination_of(address)
    except JournalError as error:
        raise CommandError(error.sentence) from None
    show_plan(out, address, destination, with_trx=options["trx"])
    people, reason = signer_people.proven(options, TWO)
    row = door.begin(
        address, destination, cause=SweepCause.SWEEP, with_trx=options["trx"], by=people, reason=reason
    )
    out.write(f"{row} is under way. It goes on by itself; the page Sweeps shows it.")


def show_plan(out: Out, address: str, destination: str, *, with_trx: bool) -> None:
    """What will be done, in the order in which it will."""
    going = Attempt.objects.filter(owner_address=address, state__in=("prepared", *UNRESOLVED))
    in_flight = sum(going.values_list("amount", flat=True))
    books, state = ledger.treasury_balance(), chain.state()
    out.write(f"Sweep of {address}")
    out.write(f"  to {destination}, its destination in the signer's own file: nowhere else")
    out.write(
        f"  by the books {format_usdt(books.posted)} USDT; read on chain {format_usdt(state.treasury_usdt)} USDT"
    )
    out.write(f"  first all but the {format_usdt(in_flight)} USDT of {going.count()} payouts in flight")
    out.write("  then what of those comes back, once each has landed or expired")
    if with_trx:
        out.write(
            f"  at last the TRX that no fee needs any more; read on chain {format_usdt(state.treasury_trx)} TRX"
        )
    out.write("Caps and kill switches don't stop it. No payout is released from this key until it is done.")


def compromise(out: Out, options: dict[str, Any]) -> None:
    """Stop everything, end all access, retire the key and sweep it; what failed is told and the rest still done.

    One administrator is enough, as for the kill switch: it can only stop, and bring the money home. Safe to run
    again. Raises CommandError where something is left undone.
    """
    address = options["key"] or treasury_keys.current()
    people, reason = signer_people.proven(options, "")
    (actor,) = people
    undone = [
        told
        for told in (
            _step(out, "kill switch", lambda: _stop(actor, reason)),
            _step(out, "top-ups", lambda: _declare(address, actor, reason)),
            _step(out, "the key", lambda: _retire(address, actor, reason)),
            _step(out, "sweep", lambda: _begin(address, actor, reason)),
            _step(out, "access", lambda: _end_access(actor, reason)),
        )
        if told
    ]
    out.write(CHECKLIST.format(address=address))
    if undone:
        raise CommandError(f"NOT DONE: {', '.join(undone)}. See above, and run this again.")


def status(out: Out, options: dict[str, Any]) -> None:
    """Each sweep that is under way, and the last that ended: what it has sent, and what it waits for."""
    rows = [*Sweep.objects.filter(state=SweepState.OPEN), *Sweep.objects.filter(state=SweepState.DONE)[:1]]
    if not rows:
        out.write("No key was ever swept.")
    for row in rows:
        out.write(
            f"{row} of {row.address} to {row.destination}: {row.get_state_display()}. {row.detail}".strip()
        )
        for transfer in row.transfers.all():
            out.write(
                f"  {format_usdt(transfer.amount)} {transfer.currency} {transfer.state} {transfer.txid}"
                f" {transfer.refusal}".rstrip()
            )


def _step(out: Out, name: str, do: Callable[[], str]) -> str:
    """The name of what failed, "" for what was done. What stands behind it is tried whatever happens here."""
    try:
        out.write(f"{name}: {do()}")
    except Exception as error:  # noqa: BLE001 - whatever it was, what stands behind it must still be done
        out.write(f"{name}: FAILED: {error}")
        return name
    return ""


def _stop(actor: User, reason: str) -> str:
    pulled = killswitch.pull(actor=actor, reason=reason)
    return "pulled: nothing is signed or sent but sweeps" if pulled else "was pulled already"


def _declare(address: str, actor: User, reason: str) -> str:
    """In the database: every page and alarm goes by it, whether the rest can be done here or not."""
    new = compromised.declare(address, by=actor, reason=reason)
    return f"nobody is led to pay to {address} any more" if new else "were stopped already"


@transaction.atomic
def _retire(address: str, actor: User, reason: str) -> str:
    """In the signer's own file: it holds though somebody released the kill switch in the database."""
    if not settings.SIGNER_JOURNAL_FILE:
        raise CommandError(NOT_HERE)
    details = {"key": address, "by": [actor.get_username()], "reason": reason}
    log.record("signer.key_retired", actor=actor, details=details)
    signer.keybook().retire(address, by=actor.get_username(), reason=reason, now_ms=clock.to_ms(clock.now()))
    return "retired in the signer's own file: it signs nothing but sweeps, for ever"


def _begin(address: str, actor: User, reason: str) -> str:
    destination = destination_of(address)
    row = door.begin(
        address, destination, cause=SweepCause.COMPROMISE, with_trx=True, by=[actor], reason=reason
    )
    return f"{row} to {destination} is under way; it goes on by itself"


@transaction.atomic
def _end_access(actor: User, reason: str) -> str:
    """Every machine key is revoked; every session and every token ends with the account's next request."""
    keys = list(MachineKey.objects.filter(revoked_at=None).select_related("user").order_by("pk"))
    for key in keys:
        machine_keys.revoke(key, actor=actor, evidence={"reason": reason})
    people = User.objects.filter(is_active=True).update(signed_out_at=timezone.now())
    log.record("access.ended", actor=actor, details={"keys": len(keys), "accounts": people, "reason": reason})
    return f"{len(keys)} machine keys revoked; sessions and tokens of {people} accounts ended"


def destination_of(address: str) -> str:
    """Where the signer's own file lets this key's money go. Raises CommandError, JournalError."""
    if not settings.SIGNER_JOURNAL_FILE:
        raise CommandError(NOT_HERE)
    destination = signer.keybook().destinations().get(address)
    if destination is None:
        raise CommandError(NO_DESTINATION.format(address=address))
    return destination


ACTS: Final[dict[str, Callable[[Out, dict[str, Any]], None]]] = {
    "sweep": sweep,
    "compromise": compromise,
    "status": status,
}
CHECKLIST: Final = """
What is left to do by hand:
[ ] Watch the sweep until it is done: page Sweeps, or `manage.py treasury status`.
    What it waits for stands there: TRX for its fee, payouts in flight, a top-up that isn't booked yet.
[ ] Send nothing to {address} any more, and tell everybody who tops it up. What still comes in: sweep it again.
[ ] Keep disk, logs and memory of the signer's machine as they are for who must find out how it happened.
[ ] Set the signer up anew on another machine, with a new key of a new ceremony: docs/keys.md, "Rotation".
[ ] New database, broker and mail passwords, SECRET_KEY, token keys (`manage.py tokenkeys`), gateway token,
    webhook key, nodes' API keys: whatever the machine could read is known.
[ ] New machine keys for each API client; staff log in anew. Look through the audit log since the last day
    that is known to be good: `manage.py audit verify`, acts on limits, policies, trust, users.
[ ] `manage.py reconcile`: chain against books, to the base unit. Look at every open case.
[ ] Tell who must be told: clients, the authority that attests, your insurer, the law's deadlines.
[ ] The kill switch stays pulled until two administrators release it: not before the new key pays.
"""
