"""What outside providers say of payouts: of a recipient's address, and whether the Travel Rule's message was taken.

By default nobody is asked, and nothing here costs a statement. Where somebody is, what has no clear answer waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.conf import settings

from kyc.models import ProviderAnswer, ProviderKind
from kyc.providers import answers
from kyc.providers.interface import Question
from lucid_payments.backoffice.formats import Tone
from lucid_payments.money import format_usdt
from payouts import treasury_keys
from payouts.approvals.checks import Word
from payouts.models.payout import Payout, PayoutStatus

MOST_AT_ONCE: Final = 50
_NAMES: Final = {
    ProviderKind.ANALYTICS: "Chain analytics",
    ProviderKind.TRAVEL_RULE: "The Travel Rule's transport",
}


def before_release(payouts: Sequence[Payout]) -> dict[int, str]:
    """Ask about these payouts, and say by primary key why some of them must wait. Network calls: no transaction."""
    questions = [question for payout in payouts for question in _questions(payout, release=True)]
    if not questions:
        return {}
    answers.ask(questions)
    known = _known(questions)
    found = {payout.pk: _against(payout, known) for payout in payouts}
    return {pk: why for pk, why in found.items() if why}


def ask_about_waiting() -> int:
    """Ask about addresses that approvers will want to know of; how many payouts were looked at."""
    if not answers.is_asked(ProviderKind.ANALYTICS):
        return 0
    waiting = list(Payout.objects.filter(status=PayoutStatus.AWAITING_APPROVAL).order_by("pk")[:MOST_AT_ONCE])
    answers.ask([question for payout in waiting for question in _questions(payout, release=False)])
    return len(waiting)


def words(payouts: Sequence[Payout]) -> dict[int, Word]:
    """What chain analytics says of these payouts' recipients: a check of `payouts.approvals`, reading alone."""
    if not answers.is_asked(ProviderKind.ANALYTICS):
        return {}
    known = answers.standing(ProviderKind.ANALYTICS, {payout.recipient_address for payout in payouts})
    return {payout.pk: _word(known.get(payout.recipient_address)) for payout in payouts}


def of_payout(payout: Payout) -> list[ProviderAnswer]:
    """Every answer about it, the newest first."""
    rows = ProviderAnswer.objects.filter(kind=ProviderKind.ANALYTICS, subject=payout.recipient_address)
    message = ProviderAnswer.objects.filter(kind=ProviderKind.TRAVEL_RULE, subject=payout.payout_id)
    return [*message.order_by("-pk")[:5], *rows.order_by("-pk")[:5]]


def _word(answer: ProviderAnswer | None) -> Word:
    if answer is None:
        return Word(
            "Chain analytics hasn't answered yet; it is asked again before the release.", Tone.WAITING
        )
    if answer.clear:
        return Word(f"Clear: {answer.words}", Tone.GOOD)
    return Word(f"Not clear: {answer.words}", Tone.BAD, forbids=True)


def _questions(payout: Payout, *, release: bool) -> list[Question]:
    found = []
    if answers.is_asked(ProviderKind.ANALYTICS):
        found.append(Question(ProviderKind.ANALYTICS, payout.recipient_address))
    large = payout.amount >= settings.TRAVEL_RULE_FROM
    if release and large and answers.is_asked(ProviderKind.TRAVEL_RULE):
        found.append(
            Question(
                ProviderKind.TRAVEL_RULE,
                payout.payout_id,
                {
                    "originator": settings.DEPLOYMENT,
                    "originator_address": treasury_keys.current(),
                    "beneficiary_address": payout.recipient_address,
                    "beneficiary_node": payout.node_id or "",
                    "amount_usdt": format_usdt(payout.amount).replace(",", ""),
                    "network": settings.TRON_NETWORK,
                },
            )
        )
    return found


def _known(questions: Sequence[Question]) -> dict[ProviderKind, Mapping[str, ProviderAnswer]]:
    return {
        kind: answers.standing(kind, {question.subject for question in questions if question.kind == kind})
        for kind in _NAMES
    }


def _against(payout: Payout, known: Mapping[ProviderKind, Mapping[str, ProviderAnswer]]) -> str:
    for question in _questions(payout, release=True):
        answer = known[question.kind].get(question.subject)
        if answer is None:
            return f"{_NAMES[question.kind]} hasn't answered."
        if not answer.clear:
            return f"{_NAMES[question.kind]} doesn't clear it: {answer.words}"
    return ""
