"""What the API's description says of applications: one `operation` for each method of a view."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from kyc.api.serializers import ApplicationSerializer, DocumentSerializer, SubmissionSerializer
from kyc.models import DocumentKind, OperatorStatus
from lucid_payments.api import errors
from lucid_payments.api.multipart import FILE, MULTIPART
from lucid_payments.api.openapi import refusals
from lucid_payments.api.openapi.fields import Moment
from lucid_payments.api.openapi.operations import link, operation

KYC: Final = "Verification"
_ID: Final = "kyc_4f6a1b0c9d8e47f3a2b1c0d9e8f7a6b5"
_DOCUMENT_ID: Final = "1df4cba1-cc98-4e5c-be13-1020cd626ce1"
# Who of us looks at it is nobody's business outside.
_STATUSES: Final = [
    state.value for state in OperatorStatus if state is not OperatorStatus.PENDING_SECOND_REVIEW
]


class DocumentShown(serializers.Serializer[Any]):
    document_id = serializers.CharField()
    kind = serializers.ChoiceField(DocumentKind.choices)
    media_type = serializers.CharField(help_text="What the file was, by its content.")
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the file as you sent it, in lower-case hex.")
    pages = serializers.IntegerField()
    added_at = Moment()
    replaced_by = serializers.CharField(allow_null=True, help_text="The one that took its place.")


class AskedItemShown(serializers.Serializer[Any]):
    place = serializers.CharField(help_text="`field:` and its name, or `document:` and its id.")
    reason = serializers.CharField(help_text="A code such as `unreadable`.")


class InformationRequestShown(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    items = AskedItemShown(many=True)
    message = serializers.CharField(allow_null=True, help_text="Words of the desk's beside the codes.")
    asked_at = Moment()
    answer_by = Moment(help_text="After that the application is closed.")


@extend_schema_field({"type": "string", "enum": _STATUSES})
class Status(serializers.Field[Any, Any, Any, Any]):
    """An application's state as its applicant is told it."""


class ApplicationLineShown(serializers.Serializer[Any]):
    application_id = serializers.CharField()
    status = Status()
    created_at = Moment()


class ApplicationsShown(serializers.Serializer[Any]):
    applications = ApplicationLineShown(many=True)


class ApplicationShown(serializers.Serializer[Any]):
    application_id = serializers.CharField()
    status = Status()
    reasons = serializers.ListField(
        child=serializers.CharField(), help_text="Codes; `not_accepted` where no more is told."
    )
    declared = serializers.ListField(
        child=serializers.CharField(), help_text="Names of the declared fields; never a value."
    )
    version = serializers.IntegerField(help_text="Of what is declared, from 1.")
    documents = DocumentShown(many=True)
    information_request = InformationRequestShown(allow_null=True, help_text="What is to be put right.")
    created_at = Moment()
    submitted_at = Moment(allow_null=True)
    decided_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True, help_text="Until then the approval holds.")


@extend_schema_field({"type": "string", "format": "binary", "description": "PDF, JPEG or PNG."})
class FileField(serializers.Field[Any, Any, Any, Any]):
    """The one part that is a file."""


class DocumentUpload(DocumentSerializer):
    """For the description alone: the file is read before the other parts are looked at."""

    file = FileField()


_DOCUMENT: Final = {
    "document_id": _DOCUMENT_ID,
    "kind": "passport",
    "media_type": "image/jpeg",
    "size": 1_482_113,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "pages": 1,
    "added_at": "2026-01-31T12:03:00Z",
    "replaced_by": None,
}
_DECLARED: Final = {
    "full_name": "A. Person",
    "birth_date": "1990-01-31",
    "nationality": "AT",
    "street": "Example Street 1",
    "city": "Example Town",
    "country": "AT",
    "document_type": "passport",
    "document_number": "X0000000",
    "document_expires": "2035-01-31",
}
_LINE: Final = {"application_id": _ID, "status": "draft", "created_at": "2026-01-31T12:00:00Z"}
_APPLICATION: Final = {
    **_LINE,
    "reasons": [],
    "declared": list(_DECLARED),
    "version": 1,
    "documents": [],
    "information_request": None,
    "submitted_at": None,
    "decided_at": None,
    "expires_at": None,
}
_ASKED: Final = {
    **_APPLICATION,
    "status": "info_requested",
    "documents": [_DOCUMENT],
    "information_request": {
        "number": 1,
        "items": [{"place": f"document:{_DOCUMENT_ID}", "reason": "unreadable"}],
        "message": "Please take it by daylight.",
        "asked_at": "2026-02-02T09:00:00Z",
        "answer_by": "2026-02-16T09:00:00Z",
    },
    "submitted_at": "2026-01-31T12:05:00Z",
}
_SUBMITTED: Final = {
    **_APPLICATION,
    "status": "submitted",
    "documents": [_DOCUMENT],
    "submitted_at": "2026-01-31T12:05:00Z",
}
_PATH: Final = OpenApiParameter(
    "application_id", {"type": "string", "pattern": "^kyc_[0-9a-f]{32}$"}, OpenApiParameter.PATH
)
_LINKS: Final = {
    name: link(name, what, application_id="application_id")
    for name, what in {
        "getApplication": "How it stands.",
        "addDocument": "Add a document.",
        "submitApplication": "Hand it in.",
    }.items()
}

list_applications = operation(
    "listApplications",
    "Your applications, newest first",
    tag=KYC,
    answer=ApplicationsShown,
    example={"applications": [_LINE]},
)
create_application = operation(
    "createApplication",
    "Apply to be verified as a node operator",
    tag=KYC,
    description=(
        "A draft: add documents, then hand it in. One at a time; a re-verification is a new one beside what stands. "
        "What you declare is stored encrypted, and never answered back."
    ),
    body=ApplicationSerializer,
    bodies={"A person": {"fields": _DECLARED}},
    status=201,
    answer=ApplicationShown,
    example=_APPLICATION,
    refused=[errors.ApplicationClosed],
    links=_LINKS,
)
get_application = operation(
    "getApplication",
    "How an application stands, and what is asked",
    tag=KYC,
    parameters=[_PATH],
    answer=ApplicationShown,
    examples={"A draft": _APPLICATION, "Something is to be put right": _ASKED},
    refused=[refusals.UNKNOWN_PATH],
)
change_application = operation(
    "changeApplication",
    "Declare anew",
    tag=KYC,
    description="All fields, in whole; while it is a draft, or something is asked.",
    parameters=[_PATH],
    body=ApplicationSerializer,
    bodies={"A person": {"fields": _DECLARED}},
    answer=ApplicationShown,
    example={**_APPLICATION, "version": 2},
    refused=[refusals.UNKNOWN_PATH, errors.ApplicationClosed],
)
add_document = operation(
    "addDocument",
    "Add a document",
    tag=KYC,
    description=(
        "PDF, JPEG or PNG, recognised by content: at most 10,000,000 bytes, 60 million pixels, 20 pages, unless the "
        "operator of this service set other limits. Files that hold scripts, other files, a password or two formats at "
        "once are refused; `details.reason` is the code. Repeated with the same `Idempotency-Key`, the same fields and "
        "the same file are the same request."
    ),
    parameters=[_PATH],
    body=DocumentUpload,
    body_type=MULTIPART,
    bodies={"A passport": {"kind": "passport", FILE: "(the file)"}},
    status=201,
    answer=DocumentShown,
    example=_DOCUMENT,
    refused=[refusals.UNKNOWN_PATH, errors.ApplicationClosed],
)
submit_application = operation(
    "submitApplication",
    "Hand it in, or answer what was asked",
    tag=KYC,
    description="A draft goes to review. Where something was asked, this says that all of it is there now.",
    parameters=[_PATH],
    body=SubmissionSerializer,
    bodies={"Nothing more": {}},
    answer=ApplicationShown,
    example=_SUBMITTED,
    refused=[refusals.UNKNOWN_PATH, errors.ApplicationClosed],
)
