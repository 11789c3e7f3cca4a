"""System check of the fence: a back office that everybody could reach keeps everything from starting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from lucid_payments.onion import services
from lucid_payments.onion.services import OnionRefused


@register("lucid")
def check_fences(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Each fenced service has a client file. Who may not read tor's folder can't tell, and says nothing."""
    return list(_exposed())


def _exposed() -> Iterable[CheckMessage]:
    try:
        exposed = [service.name for service in services.every() if service.is_exposed()]
    except OnionRefused:
        return
    for name in exposed:
        yield Error(
            f"The onion service {name} has no client's key: tor serves it to everybody.",
            hint=f"Run `manage.py onion fence {name}`, then restart tor.",
            id="lucid.E040",
        )
