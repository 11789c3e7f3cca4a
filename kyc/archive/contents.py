"""Everything that is kept about one verification but the person: fields by name, documents and notes by hash.

An archive leaves the house, and no erasure reaches it there. What it holds still binds what the desk saw: the
commitment and its signature, each file's and picture's SHA-256, and that of everything sealed. Whoever has a duty to
read the rest does it on the case's page, for as long as its key lives.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import models
from django.db.models import Q

from kyc.archive import attested
from kyc.models import (
    Attestation,
    EntryKind,
    InfoRequest,
    KycContent,
    KycDecision,
    KycDocument,
    KycMark,
    KycNote,
    KycRecord,
    KycStep,
    ListVersion,
    Moment,
    Node,
    ScreeningCase,
)
from kyc.models.operators import OperatorStatus as State
from kyc.review import reasons, screened
from kyc.review.policy import Act
from lucid_payments import clock
from lucid_payments.audit.archives.papers import Papers, Section
from lucid_payments.audit.archives.rows import plain
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Area
from lucid_payments.events.models import Event

_SEALED: Final = ("sealed",)
AREAS: Final = (Area.KYC, Area.ATTESTATIONS, Area.LISTS, Area.AUDIT)


def may_have(user: Any) -> bool:
    """Whether `user` reads everything that a case's archive holds."""
    return all(policy.may_read(user, area) for area in AREAS)


def _case(record: KycRecord) -> dict[str, Any]:
    nodes = Node.objects.filter(operator=record.operator).order_by("node_id")
    return {
        # The day is what the person declared; erasing takes it out of the row.
        **plain(record, without=("document_expires",)),
        "operator": record.operator.operator_id,
        "reason": reasons.words(record.reason_code) if record.reason_code else "",
        "replaced_by": record.replaced_by.public_id if record.replaced_by else None,
        "subject": record.subject.public_id,
        "nodes": [plain(node) for node in nodes],
    }


def _declared(record: KycRecord) -> list[dict[str, Any]]:
    rows = KycContent.objects.filter(record=record).order_by("version")
    return [plain(row, hashed=_SEALED) for row in rows]


def _documents(record: KycRecord) -> list[dict[str, Any]]:
    rows = KycDocument.objects.filter(record=record).prefetch_related("pages").order_by("added_at", "pk")
    return [
        {
            **plain(row),
            "pages": [
                plain(page, hashed=_SEALED) for page in sorted(row.pages.all(), key=lambda page: page.number)
            ],
        }
        for row in rows
    ]


def _marks(record: KycRecord) -> list[dict[str, Any]]:
    return [plain(row) for row in KycMark.objects.filter(record=record).order_by("pk")]


def _decisions(record: KycRecord) -> list[dict[str, Any]]:
    """Each with the reason in words, and the lists that were in force at that moment."""
    rows = list(KycDecision.objects.filter(record=record).order_by("pk"))
    lists = _list_versions(record)
    return [
        {
            **plain(row),
            "reason": reasons.words(row.reason_code),
            "lists": {one.list_name: one.number for one in lists if _in_force(one, row.at)},
        }
        for row in rows
    ]


def _timeline(record: KycRecord) -> list[dict[str, Any]]:
    return [plain(row) for row in KycStep.objects.filter(record=record).order_by("revision")]


def _requests(record: KycRecord) -> list[dict[str, Any]]:
    return [plain(row) for row in InfoRequest.objects.filter(record=record).order_by("number")]


def _notes(record: KycRecord) -> list[dict[str, Any]]:
    """Who wrote one and when; what it says may name anybody, and stays sealed."""
    return [plain(row, hashed=_SEALED) for row in KycNote.objects.filter(record=record).order_by("at", "pk")]


def _screening(record: KycRecord) -> list[dict[str, Any]]:
    """What was met about the person's name and the attested wallets; free text stays on the case's page."""
    here = (
        Q(about=f"application {record.public_id}")
        | Q(moment=Moment.REGISTRATION)
        | Q(about__startswith="node ")
    )
    return [
        {
            **plain(case, without=("note",)),
            "entry": _entry(case),
            "encounters": [plain(row) for row in case.encounters.filter(here).order_by("pk")],
        }
        for case in _screening_cases(record)
    ]


def _entry(case: ScreeningCase) -> dict[str, Any]:
    """Of a listed name our own number alone: whoever reads the list would learn what the person is called like."""
    entry = case.entry
    told = {"number": entry.pk, "list": entry.list_name}
    if case.kind == EntryKind.NAME:
        return told
    return {
        **told, "uid": entry.uid, "program": entry.program, "content_sha256": bytes(entry.content_hash).hex()
    }  # fmt: skip


def _lists(record: KycRecord) -> list[dict[str, Any]]:
    return [plain(row) for row in _list_versions(record)]


def _attestations(record: KycRecord) -> list[dict[str, Any]]:
    return [attested.told(row) for row in _attested(record)]


def _events(record: KycRecord) -> list[dict[str, Any]]:
    rows = Event.objects.filter(subject_type__in=("kyc", "kyc_case"), subject_id=record.public_id)
    return [plain(row) for row in rows.select_related("owner").order_by("pk")]


def _attested(record: KycRecord) -> list[Attestation]:
    """Those of the operator's nodes that were taken in while this record was what they rested on."""
    approved = record.steps.filter(to_state=State.APPROVED).order_by("revision").first()
    if approved is None:
        return []
    replaced = record.steps.filter(act=Act.REPLACE).order_by("revision").first()
    nodes = record.operator.nodes.values_list("node_id", flat=True)
    return attested.taken(list(nodes), approved.at, replaced.at if replaced else clock.now())


def _screening_cases(record: KycRecord) -> list[ScreeningCase]:
    subjects = {screened.subject_of(record.operator), *(row.wallet for row in _attested(record))}
    found = ScreeningCase.objects.filter(subject__in=subjects).select_related("entry", "decided_by")
    return list(found.order_by("pk"))


def _list_versions(record: KycRecord) -> list[ListVersion]:
    """Every version that was in force at some time since the record began."""
    since = Q(retired_at=None) | Q(retired_at__gte=record.created_at)
    rows = ListVersion.objects.filter(since, activated_at__isnull=False).order_by("list_name", "number")
    return list(rows)


def _in_force(version: ListVersion, at: datetime) -> bool:
    begun = version.activated_at is not None and version.activated_at <= at
    return begun and (version.retired_at is None or at < version.retired_at)


def _facts(record: KycRecord) -> list[tuple[str, str]]:
    told = {
        "Operator": f"{record.operator.operator_id}, application {record.number}",
        "State": State(record.state).label,
        "Risk": record.risk,
        "Decided": f"{record.decided_at:%Y-%m-%d %H:%M:%S} UTC" if record.decided_at else "",
        "Commitment": record.kyc_hash,
        "Erased": f"{record.erased_at:%Y-%m-%d %H:%M:%S} UTC" if record.erased_at else "",
        "Personal data": "none: fields stand by their names, all that is sealed by its SHA-256",
    }
    return [(label, value) for label, value in told.items() if value]


def _about(record: KycRecord) -> list[models.Model]:
    return [record.subject, *_attested(record), *_screening_cases(record)]


PAPERS: Final[Papers[KycRecord]] = Papers(
    kind="case",
    public_id=lambda record: record.public_id,
    facts=_facts,
    sections=(
        Section("case", "The record as it stands, its reason in words, and its operator's nodes.", _case),
        Section(
            "timeline",
            "Each step, with its reason, who took it and when.",
            _timeline,
            ("at", "actor_label", "act", "to_state", "reason_code", "details"),
        ),
        Section(
            "decisions", "What was decided about which version, by whom, and by which lists.", _decisions
        ),
        Section(
            "declared", "Which fields each version declares, and the SHA-256 of its sealed values.", _declared
        ),
        Section(
            "documents", "Each document's SHA-256 as it was uploaded, and those of its pictures.", _documents
        ),
        Section(
            "marks",
            "What was found in order and what wasn't, as it stands.",
            _marks,
            ("at", "by", "place", "finding", "reason_code", "version"),
        ),
        Section("requests", "What the applicant was asked for, and until when.", _requests),
        Section(
            "notes",
            "Who wrote a note and when; the SHA-256 of what is sealed.",
            _notes,
            ("at", "author", "kind", "sealed_sha256"),
        ),
        Section(
            "screening",
            "What screening met, by which versions of the lists, and what came of it.",
            _screening,
        ),
        Section(
            "lists",
            "Every version of a sanctions list that was in force since the record began.",
            _lists,
            ("list_name", "number", "published_on", "activated_at", "retired_at", "file_sha256"),
        ),
        Section(
            "attestations",
            "What the authority signed by this record, whole, with the key that verifies it.",
            _attestations,
        ),
        Section(
            "events", "What the applicant and the desk were told.", _events, ("created_at", "type", "payload")
        ),
    ),
    about=_about,
)
