"""The case page: what is declared, masked until somebody says what for, with the marks, the acts and the timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from kyc.archive import contents
from kyc.desk import timeline, words
from kyc.desk.acts import OFFERED
from kyc.documents import storing
from kyc.documents.admin import WORDS, parts
from kyc.models import Finding, InfoRequest, KycLookup, KycMark, KycRecord, Node
from kyc.review import exposed, marking, policy, reading, reasons
from kyc.review.policy import RULES, Act
from kyc.review.reading import Purpose
from kyc.vault import Destroyed, VaultError
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.policy import Verdict

# What the page's address says of how it is shown, and nothing else.
CHOICES: Final = ("purpose", "document", "page", "zoom", "turn")
MOST_ALIKE: Final = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A field or a document, with what is thought of it. `value` is None while it is masked."""

    key: str
    anchor: str
    label: str
    value: str | None
    mark: KycMark | None

    @property
    def name(self) -> str:
        """The field's name, or the document's id."""
        return self.key.partition(":")[2]

    @property
    def good(self) -> bool:
        return self.mark is not None and self.mark.finding == Finding.GOOD

    @property
    def reason(self) -> str:
        return reasons.words(self.mark.reason_code) if self.mark is not None else ""


def context(record: KycRecord, user: User, asked: Mapping[str, str]) -> dict[str, Any]:
    """Everything the page shows. With a purpose in `asked` the sealed parts are opened, and the audit log says so."""
    purpose = _purpose(asked.get("purpose", ""))
    opened = _opened(record, user, purpose)
    documents = words.documents(record)
    places = _places(record, opened.fields, documents)
    now = clock.now()
    return {
        "title": f"Case {record.public_id}",
        "state": words.state(record),
        "risk": words.risk(record),
        "exposed": exposed.answer_of(record),
        "due": words.due(record, now),
        "owner": words.owner(record, now),
        "woke": words.woke(record, now),
        "reason": reasons.words(record.reason_code) if record.reason_code else "",
        "purpose": purpose.value if purpose is not None else "",
        "purpose_words": WORDS[purpose] if purpose is not None else "",
        "purposes": words.purposes(user),
        "unreadable": opened.problem,
        "masked": opened.fields is None,
        "hide_url": words.case_url(record),
        "note_url": f"{reverse('admin:kyc_kycrecord_step', args=[record.public_id, 'note'])}{chosen(asked)}",
        "now_url": reverse("admin:kyc_kycrecord_now", args=[record.public_id]),
        "steps": _small_steps(record, user, chosen(asked)),
        "lines": timeline.of(record, opened.texts, documents),
        "open_request": InfoRequest.objects.filter(record=record, answered_at=None, lapsed_at=None).first(),
        "others": KycRecord.objects.filter(operator=record.operator)
        .exclude(pk=record.pk)
        .order_by("-number"),
        "alike": _alike(record),
        "nodes": Node.objects.filter(operator=record.operator).order_by("node_id"),
        "officer": policy.is_officer(user),
        "archive_url": _archive_url(record, user),
        "viewer": _viewer(record, purpose, asked),
        "replaced": [document for document in storing.of(record) if hasattr(document, "replaced_by")],
        **_marks(record, user, places, chosen(asked)),
    }


def after_mark(record: KycRecord, user: Any, key: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """What changed on the page with a mark: the place, and how far the review is. Nothing is opened for it."""
    places = _places(record, None, words.documents(record))
    shown = _marks(record, user, places, chosen(asked))
    return {"place": next((place for place in places if place.key == key), None), "row": record, **shown}


def chosen(asked: Mapping[str, str]) -> str:
    """The page's own choices as a query, to come back to the same view."""
    kept = {name: asked[name] for name in CHOICES if asked.get(name, "").replace("-", "").isalnum()}
    return f"?{urlencode(kept)}" if kept else ""


def anchor(place: str) -> str:
    return f"at-{place.replace(':', '-')}"


@dataclass(frozen=True, slots=True)
class _Opened:
    fields: dict[str, str] | None = None
    texts: Mapping[Any, str] | None = None
    problem: str = ""


def _opened(record: KycRecord, user: User, purpose: Purpose | None) -> _Opened:
    if purpose is None or not record.version:
        return _Opened()
    try:
        declared = reading.read(record, actor=user, purpose=purpose)
        return _Opened(declared.fields, reading.notes(record, actor=user, purpose=purpose))
    except Destroyed:
        return _Opened(problem="This record was erased: what was declared can't be read by anybody any more.")
    except VaultError:
        return _Opened(
            problem="What is sealed can't be opened now: the keys aren't there, or it was changed."
        )


def _places(record: KycRecord, fields: dict[str, str] | None, documents: dict[str, str]) -> list[Place]:
    marks = {mark.place: mark for mark in KycMark.objects.filter(record=record).select_related("by")}
    return [
        Place(
            key=key,
            anchor=anchor(key),
            label=words.place(key, documents),
            value=fields.get(key.partition(":")[2]) if fields is not None else None,
            mark=marks.get(key),
        )
        for key in marking.places(record)
    ]


def _marks(record: KycRecord, user: Any, places: list[Place], query: str) -> dict[str, Any]:
    step = reverse("admin:kyc_kycrecord_step", args=[record.public_id, "mark"])
    return {
        "fields": [place for place in places if place.key.startswith(f"{marking.FIELD}:")],
        "documents": [place for place in places if place.key.startswith(f"{marking.DOCUMENT}:")],
        "buttons": [acts.button(kind, record.public_id, user, record) for kind in _offered(record, user)],
        "good": sum(place.good for place in places),
        "bad": [place for place in places if place.mark is not None and not place.good],
        "left": sum(place.mark is None for place in places),
        "whole": len(places),
        "may_mark": policy.may(user, Act.MARK, record, clock.now()),
        "mark_url": f"{step}{query}",
        "fixable": list(reasons.FIXABLE.values()),
    }


def _viewer(record: KycRecord, purpose: Purpose | None, asked: Mapping[str, str]) -> SafeString | str:
    """The document that is looked at, the first unless another is named; nothing while the case is masked."""
    documents = list(marking.current_documents(record).order_by("added_at", "pk"))
    if purpose is None or not documents:
        return ""
    wanted = asked.get("document", "")
    document = next((found for found in documents if str(found.pk) == wanted), documents[0])
    chosen_one = {**{name: asked.get(name, "") for name in CHOICES}, "document": str(document.pk)}
    return render_to_string(
        "admin/kyc/document_view.html", parts(document, chosen_one, words.case_url(record))
    )


def _archive_url(record: KycRecord, user: User) -> str:
    """Empty for who doesn't read all that is in it."""
    if not contents.may_have(user):
        return ""
    return reverse("admin:kyc_kycrecord_archive", args=[record.public_id])


def _purpose(word: str) -> Purpose | None:
    return next((purpose for purpose in WORDS if purpose.value == word), None)


def _offered(record: KycRecord, user: Any) -> list[str]:
    """The acts that a record in this state knows: to officers those of theirs, to who reads every one."""
    hidden: set[Act] = set() if not policy.is_officer(user) or policy.leads(user) else {Act.REASSIGN}
    if not policy.has_lease(record, clock.now()) or record.owner_id == user.pk:
        hidden.add(Act.STEAL)
    return [kind for act, kind in OFFERED.items() if record.state in RULES[act].states and act not in hidden]


@dataclass(frozen=True, slots=True)
class _Step:
    url: str
    words: str
    key: str
    verdict: Verdict


def _small_steps(record: KycRecord, user: User, query: str) -> list[_Step]:
    """Who has it, by one button each; only those that fit what is."""
    now = clock.now()
    mine = record.owner_id == user.pk and policy.has_lease(record, now)
    wanted = {
        "claim": (Act.CLAIM, "Take it", "t", not policy.has_lease(record, now)),
        "renew": (Act.RENEW, "30 more minutes", "", mine),
        "release": (Act.RELEASE, "Give it back", "b", mine),
        "wake": (Act.WAKE, "Bring it back now", "", record.snoozed_until is not None),
    }
    return [
        _Step(
            f"{reverse('admin:kyc_kycrecord_step', args=[record.public_id, step])}{query}",
            said,
            key,
            policy.may(user, act, record, now),
        )
        for step, (act, said, key, fits) in wanted.items()
        if fits and record.state in RULES[act].states
    ]


def _alike(record: KycRecord) -> list[tuple[KycRecord, str]]:
    """Other operators' records that declare the same, by the blind index: which one, and what is the same."""
    own = {bytes(row.digest): row.field for row in KycLookup.objects.filter(record=record)}
    found = KycLookup.objects.filter(digest__in=list(own), field__in=list(own.values()))
    others = found.exclude(record__operator_id=record.operator_id).select_related("record__operator")
    same = [
        (row.record, words.place(f"field:{row.field}", {}))
        for row in others.order_by("record_id")[:MOST_ALIKE]
        if own.get(bytes(row.digest)) == row.field
    ]
    return same
