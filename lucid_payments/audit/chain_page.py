"""The page that walks the whole chain: a second or so of it a request, and on from where the last one stopped.

Nothing is kept between two requests but what the address carries, signed: reading changes nothing, two people
may walk at once, and a walk that was left goes on by its address.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse

from lucid_payments.audit import heads, publication, verification
from lucid_payments.audit.models import AuditSeal
from lucid_payments.audit.verification import Report
from lucid_payments.backoffice.records import READING

SECONDS: Final = 1.0
# What stands in the address has an end: the first places tell where to look.
MOST_SHOWN: Final = 5
LASTS: Final = timedelta(hours=12)
_SALT: Final = "lucid_payments.audit.chain_page"


@dataclass(slots=True)
class Walk:
    """How far a walk is: the last position read, its hash, and what was found wrong."""

    sealed: int = 0
    head: str = Report().head
    found: int = 0
    damage: list[str] = field(default_factory=list)

    def step(self, seconds: float) -> tuple[bool, Report]:
        """Read on for so long; answers whether the end is reached, and then also what stands at the end."""
        report = Report(sealed=self.sealed, head=self.head)
        at_end = verification.walk(report, seconds)
        if at_end:
            verification.finish(report)
        self.sealed, self.head = report.sealed, report.head
        self.found += len(report.damage)
        self.damage = [*self.damage, *report.damage][:MOST_SHOWN]
        return at_end, report

    def ticket(self) -> str:
        return signing.dumps(asdict(self), salt=_SALT, compress=True)


def read(ticket: str) -> Walk | None:
    """The walk of an address; None for one that isn't ours or is too old."""
    try:
        return Walk(**signing.loads(ticket, salt=_SALT, max_age=LASTS))
    except (signing.BadSignature, TypeError, ValueError):
        return None


def page(
    request: HttpRequest, site_context: dict[str, Any], *, may_read: bool, list_url: str
) -> HttpResponse:
    """One step of a walk, and the way to the next one."""
    if request.method not in READING:
        return HttpResponseNotAllowed(READING)
    if not may_read:
        raise PermissionDenied
    ticket = request.GET.get("from")
    walk = Walk() if ticket is None else read(ticket)
    if walk is None:
        return HttpResponseRedirect(list_url)
    at_end, report = walk.step(SECONDS)
    newest = AuditSeal.objects.order_by("-position").values_list("position", flat=True).first() or 0
    context = {
        **site_context,
        "title": "Walking the chain" if not at_end else "The chain was walked",
        "list_url": list_url,
        "walk": walk,
        "at_end": at_end,
        "report": report,
        "further": walk.found - len(walk.damage),
        "newest": max(newest, walk.sealed),
        "percent": 100 * walk.sealed // newest if newest else 100,
        "next_url": "" if at_end else f"{request.path}?from={walk.ticket()}",
        "knows_seal": heads.may_check(),
        "knows_published": publication.has_key(),
    }
    answer = TemplateResponse(request, "admin/audit/walk.html", context)
    if not at_end:
        # Browsers without JavaScript follow this too.
        answer["Refresh"] = f"0; url={context['next_url']}"
    return answer
