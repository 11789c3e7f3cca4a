"""What happened to a record as people read it: newest first, a reviewer's marks in a row as one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kyc.desk import words
from kyc.models import Finding, KycRecord, KycStep
from kyc.models.operators import OperatorStatus as State
from kyc.review import reasons
from kyc.review.policy import Act


@dataclass(slots=True)
class Line:
    """`text` is a sealed note's, None while it isn't shown; `parts` are the marks that the line stands for."""

    who: str
    said: str
    at: datetime
    reason: str = ""
    became: str = ""
    has_note: bool = False
    text: str | None = None
    parts: list[str] = field(default_factory=list)


def of(record: KycRecord, texts: Mapping[UUID, str] | None, documents: dict[str, str]) -> list[Line]:
    """`texts`: the notes, opened, by their key; None: they stay masked."""
    lines: list[Line] = []
    for step in KycStep.objects.filter(record=record).order_by("revision"):
        if step.act == Act.MARK:
            _add_mark(lines, step, documents)
        else:
            lines.append(_line(step, texts))
    return lines[::-1]


def _line(step: KycStep, texts: Mapping[UUID, str] | None) -> Line:
    moved = step.from_state != step.to_state and step.act != Act.BEGIN
    return Line(
        who=step.actor_label,
        said=words.ACTS.get(step.act, step.act.replace("_", " ")) + _extra(step.details),
        at=step.at,
        reason=reasons.words(step.reason_code) if step.reason_code else "",
        became=words.STATES[State(step.to_state)][0] if moved else "",
        has_note=step.note_id is not None,
        text=texts.get(step.note_id) if texts is not None and step.note_id is not None else None,
    )


def _extra(details: Mapping[str, Any]) -> str:
    """What the step's details say in a few words; they name staff, dates of ours and numbers alone."""
    if "to" in details:
        return f" to {details['to']}"
    if "taken_from" in details:
        return f" from {details['taken_from']}"
    if "until" in details:
        return f" until {str(details['until'])[:16].replace('T', ' ')} UTC"
    if "kind" in details:
        return f": {str(details['kind']).replace('_', ' ')}"
    if "items" in details:
        number = len(details["items"])
        return f" about {number} thing{'' if number == 1 else 's'}"
    if "risk" in details:
        return f", risk {details['risk']}"
    return f", version {details['version']}" if "version" in details else ""


def _add_mark(lines: list[Line], step: KycStep, documents: dict[str, str]) -> None:
    good = step.details.get("finding") == Finding.GOOD
    place = words.place(str(step.details.get("place", "")), documents)
    part = f"{place}: {'in order' if good else reasons.words(step.reason_code)}"
    last = lines[-1] if lines and lines[-1].parts and lines[-1].who == step.actor_label else None
    if last is None:
        last = Line(step.actor_label, "", step.at)
        lines.append(last)
    last.parts.append(part)
    last.at = step.at
    number = len(last.parts)
    last.said = f"made {number} mark{'' if number == 1 else 's'}"
