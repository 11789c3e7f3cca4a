"""What staff do about blocked callers: let one go, or block one by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from lucid_payments.accounts.models import Client, MachineKey
from lucid_payments.accounts.roles import CLIENTS
from lucid_payments.api import blocks
from lucid_payments.api.models import Block
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict

CLIENT, KEY, CIRCUIT = "client", "key", "circuit"
MOST_HOURS: Final = 24 * 365


class BlockForm(forms.Form):
    who = forms.ChoiceField(
        label="Who", choices=[(CLIENT, "An API client"), (KEY, "A machine's key"), (CIRCUIT, "A Tor circuit")]
    )
    name = forms.CharField(
        label="Name",
        max_length=80,
        help_text="The client's name; the key's beginning as its page shows it; the circuit as the gateway names it.",
    )
    hours = forms.IntegerField(
        label="For so many hours",
        required=False,
        min_value=1,
        max_value=MOST_HOURS,
        help_text="Empty: until somebody releases it.",
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "who" in given and "name" in given:
            given["subject"], given["label"] = _named(given["who"], given["name"].strip())
        return given


class BlockByHand(Act):
    kind = "caller.block"
    title = "Block a caller"
    verb = "Block a caller"
    form_class = BlockForm

    def find(self, key: str) -> None:
        if key != acts.NEW:
            raise Http404("no such caller")

    def lock(self, key: str) -> None:
        self.find(key)

    def label_with(self, subject: Any, data: Mapping[str, Any]) -> str:
        return str(data.get("label", ""))

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        return [
            "Its next request is refused: 429 with the time to wait, or 403 where the block has no end.",
            "Payouts that it has asked for go on.",
        ]

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        data = performance.data
        row = blocks.block_by_hand(
            data["subject"], data["label"], timedelta(hours=data["hours"]) if data["hours"] else None,
            actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id,
        )  # fmt: skip
        if row is None:
            raise ActRefused("It is blocked by hand already: release that block first.")
        return Outcome(f"Blocked: {row}.", url_of(row))


class Release(Act):
    kind = "caller.release"
    title = "Release a blocked caller"
    verb = "Release"

    def find(self, key: str) -> Block:
        return _block(Block.objects.all(), key)

    def lock(self, key: str) -> Block:
        return _block(Block.objects.select_for_update(of=("self",)), key)

    def facts(self, subject: Block) -> dict[str, str]:
        return {
            "Caller": subject.label,
            "Because of": subject.get_cause_display(),
            "Offences": f"{subject.offences:,}",
            "Blocked": f"{subject.began_at:%Y-%m-%d %H:%M} UTC",
            "Until": f"{subject.ends_at:%Y-%m-%d %H:%M} UTC" if subject.ends_at else "released",
        }

    def allowed(self, user: Any, subject: Block) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and not blocks.in_force(timezone.now()).filter(pk=subject.pk).exists():
            return Verdict(False, "This block is over.")
        return verdict

    def consequences(self, subject: Block, data: Mapping[str, Any]) -> list[str]:
        return ["Its next request is taken again. The next block doesn't last longer because of this one."]

    def perform(self, subject: Block, performance: Performance) -> Outcome:
        done = blocks.release(
            subject, actor=performance.actor, evidence=performance.evidence, request_id=performance.request_id
        )
        if not done:
            raise ActRefused("Somebody was first, or it ended by itself. Nothing was done.")
        return Outcome(f"Released: {subject}.", url_of(subject))


BLOCK = acts.register(BlockByHand())
RELEASE = acts.register(Release())


def url_of(row: Block) -> str:
    return reverse("admin:api_block_change", args=[row.pk])


def _named(kind: str, name: str) -> tuple[str, str]:
    """Subject and label. Raises ValidationError for a name that nobody has."""
    if kind == CIRCUIT:
        return f"circuit:{name[:64]}", f"circuit {name[:64]}"
    if kind == CLIENT:
        client = Client.objects.filter(username=name, role__in=CLIENTS).first()
        if client is None:
            raise ValidationError("There is no API client of this name.")
        return f"user:{client.pk}", client.get_username()
    keys = (
        list(MachineKey.objects.filter(hint=name, revoked_at=None).select_related("user")[:2]) if name else []
    )
    if len(keys) != 1:
        raise ValidationError("There is no working key, or more than one, that begins so.")
    return f"key:{keys[0].public_id}", f"a key of {keys[0].user}"


def _block(rows: QuerySet[Block], key: str) -> Block:
    found = rows.filter(pk=int(key)).first() if key.isascii() and key.isdigit() and len(key) < 19 else None
    if found is None:
        raise Http404("no such block")
    return found
