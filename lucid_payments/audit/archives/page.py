"""The page that hands out an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from lucid_payments.audit.archives import making
from lucid_payments.audit.archives.papers import Papers, S
from lucid_payments.backoffice import handing_out
from lucid_payments.backoffice.handing_out import Asked, Handout


def page(
    request: HttpRequest,
    site_context: Mapping[str, Any],
    papers: Papers[S],
    subject: S,
    *,
    back_url: str,
    purposes: Sequence[tuple[str, str]] = (),
    note: str = "",
) -> HttpResponse:
    """GET asks, POST answers the zip and leaves an audit entry; who may is asked before. `note` stands on the page."""
    public_id = papers.public_id(subject)

    def make(asked: Asked) -> bytes:
        return making.make(
            papers,
            subject,
            actor=asked.actor,
            reason=asked.reason,
            purpose=asked.purpose,
            request_id=asked.request_id,
        ).content

    handout = Handout(
        filename=f"{public_id}.zip",
        title=f"Archive of {papers.kind} {public_id}",
        template="admin/audit/archive.html",
        back_url=back_url,
        make=make,
        purposes=purposes,
        context={"kind": papers.kind, "public_id": public_id, "contents": papers.listed(), "note": note},
    )
    return handing_out.page(request, site_context, handout)
