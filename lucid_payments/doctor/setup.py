"""What the settings mean together: every system check, those for a deployment too."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import run_checks

from lucid_payments.doctor.examination import Finding, check, look, right, wrong

SUBJECT = "Settings"


@check(SUBJECT)
def system_checks() -> Iterator[Finding]:
    found = run_checks(include_deployment_checks=True)
    told = [message for message in found if not message.is_silenced()]
    for message in told:
        sentence = f"{message.msg} ({message.id})".replace("\n", " ")
        tell = wrong if message.is_serious() else look
        yield tell(sentence, (message.hint or "").replace("\n", " "))
    if not told:
        yield right("Every setting can be read, and none contradicts another.")


@check(SUBJECT)
def environment() -> Iterator[Finding]:
    if not settings.IS_LIVE:
        yield look(
            f"LUCID_ENV is {settings.LUCID_ENV}: what a live deployment must have isn't asked for.",
            "Set LUCID_ENV to staging or production where real clients come.",
        )
