"""How the acts and the page name things."""

from __future__ import annotations

from typing import Final

from django.urls import reverse

from routers import killswitch
from routers.choices import RouterType
from routers.models import GLOBAL

ROUTERS: Final = {RouterType.V0.value: "Router V0", RouterType.KYC.value: "Router KYC"}
# In the order in which pages show them.
SCOPES: Final = {GLOBAL: "All payouts", **ROUTERS}
AS_FAR: Final = "as far as slots in flight, treasury and chain allow"
FIRST: Final = "Somebody was first: look again."


def page_url() -> str:
    return reverse("admin:routers_limitwindow_changelist")


def still_stopped(routers: frozenset[str]) -> list[str]:
    """What else keeps payouts of `routers` from going, in sentences."""
    stopped = sorted(routers & killswitch.stopped_routers())
    return [f"The kill switch still stops {ROUTERS[router]}." for router in stopped]
