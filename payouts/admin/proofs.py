"""Proofs of settled months: the signed root to publish, and any recipient's proof as a file."""

from __future__ import annotations

import json
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from lucid_payments.accounts.models import User
from lucid_payments.api.request_id import request_id_of
from lucid_payments.audit import log
from lucid_payments.backoffice import factor, formats
from lucid_payments.backoffice.formats import Tone
from lucid_payments.backoffice.navigation import Group
from lucid_payments.backoffice.policy import Area
from lucid_payments.backoffice.records import RecordAdmin
from lucid_payments.backoffice.site import site
from payouts.distribution import proving, verify
from payouts.models.proof import RunLeaf, RunRoot

LONGEST = 50


@admin.register(RunRoot, site=site)
class RunRootAdmin(RecordAdmin):
    area = Area.LEDGER
    title = "Proofs of months"
    group = Group.EVIDENCE
    place = 75
    about = (
        "One signed root for each settled month. Publish it: every recipient's proof leads to it, and nobody can be "
        "shown another one."
    )
    page_template = "admin/payouts/run_root.html"
    list_display = ("period_shown", "size_shown", "root_shown", "paid_shown", "at_shown")
    list_select_related = ("run",)

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download)
        return [*super().get_urls(), path("<str:key>/proof/<int:place>/", download, name=self._name("proof"))]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("run")

    def page_context(self, request: HttpRequest, row: RunRoot) -> dict[str, Any]:
        asked = request.GET.get("recipient", "").strip()[:LONGEST]
        leaves = _of(row, asked) if asked else []
        words, tone = _signature(row)
        return {
            "title": f"Proof of {row.run.period}",
            "statement": json.dumps(row.statement, sort_keys=True),
            "signature_words": words,
            "signature_tone": tone,
            "asked": asked,
            "longest": LONGEST,
            "asks_code": not factor.is_fresh(request),
            "found": [
                (json.loads(leaf.content), reverse(f"admin:{self._name('proof')}", args=[row.pk, leaf.place]))
                for leaf in leaves
            ],
        }

    def download(self, request: HttpRequest, key: str, place: int) -> HttpResponse:
        """One recipient's proof. Taking it out of the house asks for a fresh second factor and is audited."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        root: RunRoot = self._row(request, key)
        leaf = RunLeaf.objects.select_related("root", "entitlement").filter(root=root, place=place).first()
        if leaf is None:
            raise Http404
        line = leaf.entitlement
        if not factor.is_fresh(request) and not factor.prove(
            request, request.POST.get("code", "")[:20], request_id=request_id_of(request)
        ):
            messages.error(request, f"{factor.WRONG} Nothing was downloaded.")
            return HttpResponseRedirect(self.url_of(root))
        with transaction.atomic():
            log.record(
                "distribution.proof_downloaded",
                actor=cast(User, request.user),
                subject=root,
                details={"recipient_type": line.kind, "recipient": line.recipient},
                request_id=request_id_of(request),
            )
        answer = HttpResponse(proving.as_file(leaf), content_type="application/json")
        name = f"proof-{root.run.period}-{leaf.place + 1}.json"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        answer["Cache-Control"] = "no-store"
        return answer

    @admin.display(description="Month")
    def period_shown(self, root: RunRoot) -> str:
        return root.run.period

    @admin.display(description="Recipients")
    def size_shown(self, root: RunRoot) -> str:
        return formats.count(root.size)

    @admin.display(description="Root")
    def root_shown(self, root: RunRoot) -> SafeString | str:
        return formats.code(root.root)

    @admin.display(description="Paid, USDT")
    def paid_shown(self, root: RunRoot) -> str:
        return formats.usdt(root.statement["paid"])

    @admin.display(description="Signed (UTC)")
    def at_shown(self, root: RunRoot) -> SafeString | str:
        return formats.moment(root.at)


def _of(root: RunRoot, recipient: str) -> list[RunLeaf]:
    """A node and a user may have the same name."""
    if "\0" in recipient:
        return []
    return list(RunLeaf.objects.filter(root=root, entitlement__recipient=recipient).order_by("place"))


def _signature(root: RunRoot) -> tuple[str, Tone]:
    """As anybody checks it, by the key that stands beside it."""
    try:
        verify.check_root(root.statement, root.public_key)
    except verify.Wrong as wrong:
        return f"Forged: {wrong}", Tone.BAD
    return "Good", Tone.GOOD
