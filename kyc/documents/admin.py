"""An applicant's document in the back office: a page with one of its pictures, and the picture itself.

It isn't in the navigation: the desk's case page leads here. Nothing is shown before somebody says what for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from kyc.documents import showing
from kyc.models import KycDocument, KycDocumentPage
from kyc.review.errors import Refused
from kyc.review.reading import Purpose
from kyc.vault import Destroyed
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.site import site

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[KycDocument]
else:
    _ModelAdmin = admin.ModelAdmin

WORDS: Final = {
    Purpose.REVIEW: "Review of this application",
    Purpose.SCREENING: "Comparison with a screening hit",
    Purpose.AUDIT: "Audit",
    Purpose.RIGHTS: "A request of the person's own",
}
ZOOMS: Final = (50, 100, 150, 200, 300)
TURNS: Final = (0, 90, 180, 270)
# Whatever a browser made of it, it runs nothing, loads nothing and is kept nowhere.
PICTURE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@admin.register(KycDocument, site=site)
class KycDocumentAdmin(_ModelAdmin):
    """Reading alone: documents come by the API and stay as they are."""

    def get_urls(self) -> list[URLPattern]:
        viewer = self.admin_site.admin_view(require_safe(self.viewer))
        picture = self.admin_site.admin_view(require_safe(self.picture))
        return [
            path("<uuid:document_id>/", viewer, name="kyc_kycdocument_view"),
            path("<uuid:document_id>/<int:number>/", picture, name="kyc_kycdocument_picture"),
        ]

    def viewer(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """The document's page: `purpose`, and which `page`, `zoom` (per cent) and `turn` (degrees)."""
        self._require_reader(request)
        try:
            document = showing.document(document_id)
        except KycDocument.DoesNotExist:
            raise Http404 from None
        context = {
            **self.admin_site.each_context(request),
            "title": f"{document.get_kind_display()} of {document.record}",
            **parts(document, request.GET),
        }
        return TemplateResponse(request, "admin/kyc/document.html", context)

    def picture(self, request: HttpRequest, document_id: UUID, number: int) -> HttpResponse:
        """One page, for who says what for; each look is an entry of the audit log."""
        self._require_reader(request)
        purpose = _purpose(request.GET.get("purpose", ""))
        if purpose is None:
            return HttpResponseBadRequest("Say what for.", content_type="text/plain")
        try:
            page, content = showing.page(document_id, number, actor=request.user, purpose=purpose)  # type: ignore[arg-type]  # who reads is a user
        except (KycDocumentPage.DoesNotExist, Destroyed):
            raise Http404 from None
        except Refused:
            raise PermissionDenied from None
        return HttpResponse(content, content_type=page.media_type, headers=PICTURE_HEADERS)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(policy.may_read(request.user, Area.KYC))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _require_reader(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def parts(document: KycDocument, asked: Any, base: str = "") -> dict[str, Any]:
    """What the template `admin/kyc/document_view.html` needs, from a query's values `asked`.

    Its links carry every choice, so that it works without a script; with one they only turn and enlarge in place.
    `base` is the address of another page that shows several: the query then names the `document` that it is about,
    and the others stay hidden.
    """
    others = {"document": str(document.pk)} if base else {}
    asked = asked if others.items() <= {"document": asked.get("document")}.items() else {}
    purpose = _purpose(asked.get("purpose", ""))
    page = _number(asked.get("page"), range(1, document.page_count + 1), 1)
    zoom, turn = _number(asked.get("zoom"), ZOOMS, 100), _number(asked.get("turn"), TURNS, 0)
    base = base or reverse("admin:kyc_kycdocument_view", args=[document.pk])

    def link(**changed: int) -> str:
        chosen: dict[str, Any] = {
            "purpose": purpose or "",
            "page": page,
            "zoom": zoom,
            "turn": turn,
            **changed,
        }
        return f"{base}?{urlencode(others | chosen)}#document-{document.pk}"

    picture = reverse("admin:kyc_kycdocument_picture", args=[document.pk, page])
    return {
        "document": document,
        "purpose": purpose,
        "purposes": [(found.value, words) for found, words in WORDS.items()],
        "page": page,
        "zoom": zoom,
        "turn": turn,
        "picture_url": f"{picture}?{urlencode({'purpose': purpose})}" if purpose else "",
        "pages": [(number, link(page=number)) for number in range(1, document.page_count + 1)],
        "zooms": [(found, link(zoom=found)) for found in ZOOMS],
        "turn_left": link(turn=(turn - 90) % 360),
        "turn_right": link(turn=(turn + 90) % 360),
        "hide_url": base,
        "names_itself": bool(others),
    }


def _purpose(word: str) -> Purpose | None:
    return next((found for found in showing.PURPOSES if found.value == word), None)


def _number(given: str | None, allowed: Any, default: int) -> int:
    found = int(given) if given and given.isascii() and given.isdigit() and len(given) < 5 else default
    return found if found in allowed else default
