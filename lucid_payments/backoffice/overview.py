"""The first page: panels that apps above this one register, each shown to whoever may read its area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lucid_payments.accounts.models import User
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area


@dataclass(frozen=True, slots=True)
class Panel:
    """`build` answers the context of `template`; `place` orders the page, low numbers first."""

    area: Area
    template: str
    build: Callable[[], dict[str, Any]]
    place: int


@dataclass(frozen=True, slots=True)
class PersonalPanel:
    """A panel that says something else to each reader."""

    area: Area
    template: str
    build: Callable[[User], dict[str, Any]]
    place: int


_PANELS: list[Panel | PersonalPanel] = []


def register(panel: Panel | PersonalPanel) -> None:
    _PANELS.append(panel)


def panels(user: Any) -> list[dict[str, Any]]:
    """The panels for `user`, built: template and context."""
    shown = [panel for panel in _PANELS if policy.may_read(user, panel.area)]
    return [
        {
            "template": panel.template,
            **(panel.build(user) if isinstance(panel, PersonalPanel) else panel.build()),
        }
        for panel in sorted(shown, key=lambda panel: panel.place)
    ]
