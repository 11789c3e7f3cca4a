"""The first page: panels that apps above this one register, each shown to whoever may read its area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area


@dataclass(frozen=True, slots=True)
class Panel:
    """`build` answers the context of `template`; `place` orders the page, low numbers first."""

    area: Area
    template: str
    build: Callable[[], dict[str, Any]]
    place: int


_PANELS: list[Panel] = []


def register(panel: Panel) -> None:
    _PANELS.append(panel)


def panels(user: Any) -> list[dict[str, Any]]:
    """The panels for `user`, built: template and context."""
    shown = [panel for panel in _PANELS if policy.may_read(user, panel.area)]
    return [
        {"template": panel.template, **panel.build()}
        for panel in sorted(shown, key=lambda panel: panel.place)
    ]
