"""Asking providers, and what they said: every answer is kept as it came, and the newest one counts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from kyc.models import ProviderAnswer, ProviderKind
from kyc.providers.choice import provider_of
from kyc.providers.interface import Opinion, Provider, ProviderAway, Question
from kyc.providers.offline import Offline
from lucid_payments import clock

log = logging.getLogger(__name__)
THREADS: Final = 8
# An address may be clear today and not tomorrow; a payout's message is taken once.
FRESH: Final = {
    ProviderKind.ANALYTICS: timedelta(hours=24),
    ProviderKind.PEP: timedelta(days=30),
    ProviderKind.TRAVEL_RULE: timedelta(days=3650),
}
# What wasn't clear is asked about again no sooner.
AGAIN: Final = timedelta(minutes=10)


def is_asked(kind: ProviderKind) -> bool:
    """Whether there is somebody to ask: with the offline provider nothing is asked, kept or waited for."""
    return provider_of(kind).name != Offline.name


def latest(kind: ProviderKind, subjects: Collection[str]) -> dict[str, ProviderAnswer]:
    """The newest answer about each of these subjects, however old; one statement, none for none."""
    if not subjects:
        return {}
    rows = ProviderAnswer.objects.filter(kind=kind, subject__in=subjects).order_by("subject", "-pk")
    return {row.subject: row for row in rows.distinct("subject")}


def standing(kind: ProviderKind, subjects: Collection[str]) -> dict[str, ProviderAnswer]:
    """The same of those answers that are young enough to rest on."""
    now = clock.now()
    return {
        subject: answer
        for subject, answer in latest(kind, subjects).items()
        if now - answer.asked_at <= FRESH[kind]
    }


def ask(questions: Sequence[Question]) -> None:
    """Ask about what has no answer to rest on, or none that clears it; each answer is kept as soon as it is there.

    Network calls: outside of any transaction. A provider that is away leaves things as they were.
    """
    for kind in ProviderKind:
        provider = provider_of(kind)
        named = {question.subject: question for question in questions if question.kind == kind}
        if not named or not is_asked(kind):
            continue
        known, now = standing(kind, named), clock.now()
        wanted = [
            question
            for subject, question in named.items()
            if subject not in known or (not known[subject].clear and now - known[subject].asked_at > AGAIN)
        ]
        with ThreadPoolExecutor(THREADS, thread_name_prefix="providers") as threads:
            opinions = list(threads.map(lambda question, who=provider: _opinion(who, question), wanted))
        ProviderAnswer.objects.bulk_create(
            ProviderAnswer(
                kind=kind,
                provider=provider.name,
                subject=question.subject,
                clear=opinion.clear,
                words=opinion.words[:300],
                reference=opinion.reference[:100],
            )
            for question, opinion in zip(wanted, opinions, strict=True)
            if opinion is not None
        )


def _opinion(provider: Provider, question: Question) -> Opinion | None:
    try:
        return provider.ask(question)
    except ProviderAway as error:
        log.warning(
            "a provider is away",
            extra={"kind": question.kind.value, "provider": provider.name, "error": str(error)},
        )
        return None
