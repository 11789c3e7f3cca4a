"""The chain: whether nodes of two operators answer, and whether our clock is theirs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from payouts import chain
from payouts.tron.errors import NodeError

SUBJECT = "Chain"
BEHIND_SECONDS: Final = 60


@check(SUBJECT, needs="tor", running=True)
def nodes() -> Iterator[Finding]:
    """Each node is asked for its head, through the proxy of the settings; the signer asks nobody."""
    if settings.SIGNER_JOURNAL_FILE or not settings.TRON_NODES:
        return
    try:
        answers = chain.pool().every(lambda node: (node.operator, node.head().timestamp_ms), quarantined=True)
    except ImproperlyConfigured as error:
        yield wrong(str(error), "docs/settings.md shows an entry.")
        return
    operators = set()
    for name, told in sorted(answers.items()):
        if isinstance(told, NodeError):
            yield look(
                f"The node {name} gives no answer: {told.sentence}",
                "Ask its operator, or name another in TRON_NODES.",
            )
            continue
        operator, head_ms = told
        operators.add(operator)
        yield from _head(name, head_ms)
    needed = chain.required_operators()
    if len(operators) < needed:
        yield wrong(
            f"Nodes of {len(operators)} operators answer, and {needed} must agree: nothing is paid.",
            "Nodes that are right for days can be away for minutes; else add one in TRON_NODES.",
        )


def _head(name: str, head_ms: int) -> Iterator[Finding]:
    behind = time.time() - head_ms / 1000
    if abs(behind) <= BEHIND_SECONDS:
        yield right(f"The node {name} answers; its newest block is {max(0, round(behind))} s old.")
    elif behind > 0:
        yield wrong(
            f"The newest block of {name} is {round(behind)} s old: it lags, or our clock is ahead.",
            "Compare two nodes: if all of them seem to lag, set this machine's clock.",
        )
    else:
        yield wrong(
            f"The newest block of {name} is {round(-behind)} s in the future: our clock is behind.",
            "Set this machine's clock; nothing is paid until then.",
        )
