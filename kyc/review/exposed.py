"""Politically exposed persons: a provider is told the declared name, and who may be one is approved by two reviewers.

It is asked by a task while a record waits to be decided, about each version of it: names are corrected.
"""

from __future__ import annotations

from typing import Final

from kyc.models import KycRecord, ProviderAnswer, ProviderKind, Risk
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import UNDECIDED
from kyc.providers import answers
from kyc.providers.interface import Question
from kyc.review import contents
from kyc.review.errors import Refused

MOST_AT_ONCE: Final = 20
# What a provider of names is told; nothing else of a person leaves the vault for it.
_TOLD: Final = ("full_name", "birth_date", "nationality")


def ask_about_people() -> int:
    """Ask about whoever waits to be decided; how many were looked at. Network calls: outside of any transaction."""
    if not answers.is_asked(ProviderKind.PEP):
        return 0
    rows = KycRecord.objects.filter(state__in=UNDECIDED, version__gt=0).exclude(state=State.DRAFT)
    records = {_subject(row): row for row in rows.select_related("operator", "subject").order_by("pk")}
    known = answers.standing(ProviderKind.PEP, records)
    waiting = [row for subject, row in records.items() if subject not in known][:MOST_AT_ONCE]
    answers.ask([_question(row) for row in waiting])
    return len(waiting)


def answer_of(record: KycRecord) -> ProviderAnswer | None:
    """What was said of this version of the record, if somebody was asked."""
    return answers.latest(ProviderKind.PEP, [_subject(record)]).get(_subject(record))


def before_approval(record: KycRecord, risk: str) -> None:
    """Raises Refused while a provider that is configured hasn't answered, and below a high risk for who may be one."""
    if not answers.is_asked(ProviderKind.PEP):
        return
    answer = answers.standing(ProviderKind.PEP, [_subject(record)]).get(_subject(record))
    if answer is None:
        raise Refused("The provider of politically exposed persons hasn't answered yet.")
    if not answer.clear and risk != Risk.HIGH:
        raise Refused(
            "The applicant may be a politically exposed person: approve with a high risk, for a second reviewer."
        )


def _subject(record: KycRecord) -> str:
    return f"application {record.public_id} {record.version}"


def _question(record: KycRecord) -> Question:
    fields = contents.opened(record).fields
    told = {name: fields[name] for name in _TOLD if fields.get(name)}
    return Question(ProviderKind.PEP, _subject(record), private=told)
