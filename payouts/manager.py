"""PayoutManager: the only door. Every change of a payout's or an attempt's state is one of these functions."""

from __future__ import annotations

from payouts import adoption, execution, intake, resolution, settlement
from payouts.approvals import deciding, many
from payouts.slots import stopping
from payouts.uploads import submitting


class PayoutManager:
    """Each function is atomic, guarded by state, and writes timeline, audit log and events with the change."""

    # Coming in and being called off
    create = staticmethod(intake.create)
    create_batch = staticmethod(intake.create_batch)
    create_covered = staticmethod(intake.create_covered)
    submit_file = staticmethod(submitting.submit)
    cancel = staticmethod(execution.cancel)
    hold = staticmethod(execution.hold)

    # What people must agree to first
    approve = staticmethod(deciding.approve)
    approve_many = staticmethod(many.approve_many)
    reject = staticmethod(deciding.reject)
    reject_many = staticmethod(many.reject_many)

    # What people do to a slot of the schedule
    pause_slot = staticmethod(stopping.pause)
    resume_slot = staticmethod(stopping.resume)
    cancel_slot = staticmethod(stopping.cancel)

    # On its way out
    release = staticmethod(execution.release)
    withdraw = staticmethod(execution.withdraw)
    sign = staticmethod(execution.sign)
    adopt_signature = staticmethod(adoption.adopt_signature)
    adopt_transaction = staticmethod(adoption.adopt_transaction)
    claim_for_sending = staticmethod(execution.claim_for_sending)

    # What the chain says of it
    include = staticmethod(settlement.include)
    take_out_of_block = staticmethod(settlement.take_out_of_block)
    note_absence = staticmethod(settlement.note_absence)
    succeed = staticmethod(settlement.succeed)
    revert = staticmethod(settlement.revert)
    declare_dead = staticmethod(settlement.declare_dead)
    set_aside = staticmethod(settlement.set_aside)

    # What two people decide where no rule can
    resolve_unresolved = staticmethod(resolution.resolve_unresolved)
    close_manual = staticmethod(resolution.close_manual)
    book_unknown = staticmethod(resolution.book_unknown)
