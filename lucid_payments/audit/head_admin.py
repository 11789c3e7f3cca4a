"""The chain of the audit log: the heads that were signed for publishing, and the walk through all of it."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from lucid_payments.audit import chain_page, publication
from lucid_payments.audit.head_keys import HeadKeyError
from lucid_payments.audit.models import AuditSeal, PublishedHead
from lucid_payments.backoffice import formats
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site


@admin.register(PublishedHead, site=site)
class PublishedHeadAdmin(RecordAdmin):
    area = Area.AUDIT
    title = "Chain of the audit log"
    group = Group.EVIDENCE
    place = 71
    about = (
        "The head of the chain, signed once a day for publishing. Whoever keeps one of these statements can show "
        "later that nothing before it was changed."
    )
    page_template = "admin/audit/head.html"
    change_list_template = "admin/audit/heads.html"
    list_display = ("day_shown", "position_shown", "hash_shown", "key_shown", "at_shown")

    def get_urls(self) -> list[URLPattern]:
        walk = path("walk/", self.admin_site.admin_view(self.walk_view), name=self._name("walk"))
        return [walk, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = AuditSeal.objects.order_by("-position").values_list("position", flat=True).first()
        return super().changelist_view(request, {"newest": newest or 0, **(extra_context or {})})

    def walk_view(self, request: HttpRequest) -> HttpResponse:
        return chain_page.page(
            request,
            self.admin_site.each_context(request),
            may_read=self.has_view_permission(request),
            list_url=self.list_url(),
        )

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        signature, chain = _signature(row), _place(row)
        return {
            "title": f"Head of {row.day}",
            "statement": json.dumps(row.statement(), sort_keys=True),
            "signature_words": signature[0],
            "signature_tone": signature[1],
            "chain_words": chain[0],
            "chain_tone": chain[1],
        }

    @admin.display(description="Day (UTC)")
    def day_shown(self, head: PublishedHead) -> str:
        return head.day.isoformat()

    @admin.display(description="Position")
    def position_shown(self, head: PublishedHead) -> str:
        return formats.count(head.position)

    @admin.display(description="Hash")
    def hash_shown(self, head: PublishedHead) -> SafeString | str:
        return formats.code(head.hash)

    @admin.display(description="Key")
    def key_shown(self, head: PublishedHead) -> SafeString | str:
        return formats.code(head.key)

    @admin.display(description="Signed (UTC)")
    def at_shown(self, head: PublishedHead) -> SafeString | str:
        return formats.moment(head.at)


def _signature(head: PublishedHead) -> tuple[str, Tone]:
    if not publication.has_key():
        return "No public key is set here", Tone.QUIET
    try:
        good = publication.is_signed(head.statement(), publication.trusted_keys())
    except HeadKeyError:
        return "The public keys can't be read", Tone.BAD
    return ("Good", Tone.GOOD) if good else ("Forged", Tone.BAD)


def _place(head: PublishedHead) -> tuple[str, Tone]:
    found = AuditSeal.objects.filter(position=head.position).values_list("hash", flat=True).first()
    if found is None:
        return "Cut off: the log has no such entry", Tone.BAD
    return ("Yes", Tone.GOOD) if found == head.hash else ("No: the log was rewritten", Tone.BAD)
