"""Screening against sanctions lists: lists in versions, one look at addresses, cases of what was found.

Rooms: `formats` and `rows` read a file, `staging` and `judgement` take and check it, `activation` puts it in force,
`rescreening` looks at everybody anew; `matching` looks, `names` compares names, `cases` keeps what was found.
"""

from __future__ import annotations

from django.db import transaction

from kyc.models import Moment
from kyc.screening import cases, matching, names
from kyc.screening.cases import Encounter
from kyc.screening.matching import Look, Verdict
from lucid_payments import clock

__all__ = ["Encounter", "Look", "Moment", "Verdict", "look", "screen_address", "screen_name"]

look = matching.look


@transaction.atomic
def screen_address(address: str, *, moment: Moment, about: str = "") -> Look:
    """Look at one TRON address and keep what is found; ask the answer for its `verdict(address)` and `stale`.

    `about` names by its id whose it is: "node …", "user …".
    """
    found = matching.look([address], clock.now())
    cases.keep(found, [Encounter(address, about)], moment)
    return found


def screen_name(name: str, *, subject: str, moment: Moment, about: str = "") -> list[int]:
    """Keys of the cases that stand against this name; none when nothing is like it, or all of it was cleared.

    `subject` names by an id whose name it is, the same each time: what is cleared is remembered for it.
    """
    return names.screen(name, subject=subject, about=about, moment=moment)
