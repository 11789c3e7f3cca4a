"""`manage.py treasury rotate`: from this moment on another key pays; the old one is swept, and watched for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction

from lucid_payments import clock, locks
from lucid_payments.accounts.models import User
from lucid_payments.audit import log
from lucid_payments.backoffice import prompt
from lucid_payments.events import outbox
from payouts import gates, signer, signer_people, treasury_keys
from payouts.models.chain import ChainState, SignerState
from payouts.models.rotation import TreasuryRotation
from payouts.models.sweep import SweepCause
from payouts.sweeps import command, door
from payouts.sweeps.command import Out
from payouts.tron.signing import JournalError

TWO: Final = "Another key pays by the word of two administrators."


def add_action(actions: Any) -> None:
    """The action `rotate`, with its options."""
    prompt.add_arguments(
        actions.add_parser("rotate", help="another key pays from now on; the old one is swept")
    )


def rotate(out: Out, options: dict[str, Any]) -> None:
    """Show what will be, ask two people, and change over in one commit. Raises CommandError.

    One that was cut off is begun again: what stands in the signer's file is done once.
    """
    old, new = treasury_keys.current(), settings.TREASURY_OTHER_ADDRESS
    try:
        _require_ready(old, new)
        destination = command.destination_of(old)
        command.destination_of(new)
    except JournalError as error:
        raise CommandError(error.sentence) from None
    out.write(f"From now on the treasury pays from {new}, and no more from {old}.")
    out.write("  Payouts that the old key has signed run to their end; the others are paid by the new one.")
    out.write(
        f"  Payouts wait until {new} is funded: with USDT, and with TRX for fees. Send nothing to the old one."
    )
    command.show_plan(out, old, destination, with_trx=True)
    people, reason = signer_people.proven(options, TWO)
    _change_over(old, new, destination, people, reason)
    out.write(f"The treasury pays from {new}. The sweep goes on by itself: `manage.py treasury status`.")
    out.write(
        "When it is done set TREASURY_ADDRESS to the new address in every process, and its key in the signer's."
    )


def _require_ready(old: str, new: str) -> None:
    if not new:
        raise CommandError(
            "TREASURY_OTHER_ADDRESS isn't set: give every process the new address, and the signer its key, first."
        )
    if new == old or TreasuryRotation.objects.filter(old_address=new).exists():
        raise CommandError(
            f"{new} pays now, or paid before its own rotation: a key that was left isn't come back to."
        )
    if new in signer.keybook().retired():
        raise CommandError(f"The key of {new} is retired.")
    row = SignerState.objects.get(pk=1)
    if new not in row.addresses or not gates.signer_lives(clock.now()):
        raise CommandError(f"The signer that runs doesn't hold the key of {new}, or gives no sign of life.")


@transaction.atomic
def _change_over(old: str, new: str, destination: str, people: Sequence[User], reason: str) -> None:
    # The watcher's round has ended, and attempts are prepared under the second lock: what was read of the old key is
    # never taken for the new one's.
    locks.hold(locks.AdvisoryLock.WATCH)
    locks.hold(locks.AdvisoryLock.RELEASE)
    if treasury_keys.current() != old:
        raise CommandError("Somebody has rotated the key meanwhile.")
    names = [person.get_username() for person in people]
    row = door.begin(old, destination, cause=SweepCause.ROTATION, with_trx=True, by=people, reason=reason)
    made = TreasuryRotation.objects.create(
        old_address=old, new_address=new, sweep=row, begun_by=", ".join(names)[:320], reason=reason
    )
    told = {"from": old, "to": new, "sweep": row.pk, "by": names, "reason": reason}
    log.record("treasury.rotated", actor=people[-1], subject=made, details=told)
    outbox.emit(
        "treasury.rotated",
        subject_type="treasury",
        subject_id=new,
        owner=None,
        payload={"from": old, "to": new},
    )
    ChainState.objects.filter(pk=1).update(
        treasury_usdt=0, treasury_trx=0, treasury_read_at=None, statement_at=None, token_read_at=None
    )
    # Last: whoever was cut off in between has a key that pays nothing until this is run again.
    signer.keybook().retire(old, by=", ".join(names), reason=reason, now_ms=clock.to_ms(clock.now()))
