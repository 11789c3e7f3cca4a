"""What the API's description says of files of payouts: one `operation` for each method of a view."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from lucid_payments.api import errors
from lucid_payments.api.multipart import FILE, MULTIPART
from lucid_payments.api.openapi.fields import Moment, Usdt
from lucid_payments.api.openapi.operations import link, operation
from payouts.api import examples
from payouts.api.answers import BATCH_PATTERN
from payouts.api.schema import BATCHES
from payouts.api.upload_serializers import FileSubmissionSerializer, TermsSerializer
from payouts.models.payout import BatchType, Priority
from payouts.models.upload import FileKind, UploadState
from payouts.uploads.checking import LOOK, WRONG
from routers.choices import RouterType

FINDING: Final = ("line", "column", "cell", "weight", "problem", "right")
_PATTERN: Final = r"^upload_[a-zA-Z0-9]+$"
_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_UPLOAD_ID: Final = "upload_5QkTz0nWb3VxJc8RfYp1Hd"


class FindingShown(serializers.Serializer[Any]):
    line = serializers.IntegerField(min_value=0, help_text="As spreadsheets count; 0: the file as a whole.")
    column = serializers.CharField(help_text="Empty: the row as a whole.")
    cell = serializers.CharField(help_text="Such as `B5`; empty without a column.")
    weight = serializers.ChoiceField(
        [WRONG, LOOK], help_text="`wrong` forbids submitting, `look` asks for a look."
    )
    problem = serializers.CharField()
    right = serializers.CharField(help_text="What would be right.")


class UploadShown(serializers.Serializer[Any]):
    upload_id = serializers.RegexField(_PATTERN)
    status = serializers.ChoiceField(
        UploadState.values, help_text="`refused`: something is wrong; `checked`: it can be submitted."
    )
    name = serializers.CharField()
    kind = serializers.ChoiceField(FileKind.values)
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the file as you sent it, in lower-case hex.")
    router_type = serializers.ChoiceField(RouterType.values, allow_null=True)
    priority = serializers.ChoiceField(Priority.labels)
    batch_type = serializers.ChoiceField(BatchType.values)
    rows = serializers.IntegerField(min_value=1)
    wrong_rows = serializers.IntegerField(min_value=0)
    total_amount_usdt = Usdt()
    recipients = serializers.IntegerField(min_value=0)
    first_time_recipients = serializers.IntegerField(min_value=0)
    duplicates = serializers.IntegerField(min_value=0, help_text="Rows.")
    look_alikes = serializers.IntegerField(min_value=0, help_text="Rows.")
    findings_total = serializers.IntegerField(min_value=0)
    findings = serializers.ListField(child=FindingShown(), help_text="The first 1,000.")
    batch_id = serializers.RegexField(BATCH_PATTERN, allow_null=True)
    created_at = Moment()
    checked_at = Moment()
    submitted_at = Moment(allow_null=True)


@extend_schema_field({"type": "string", "format": "binary", "description": "CSV in UTF-8, or XLSX."})
class FileField(serializers.Field[Any, Any, Any, Any]):
    """The one part that is a file."""


class FileUpload(TermsSerializer):
    """For the description alone: the file is read before the other parts are looked at."""

    file = FileField()


_CHECKED: Final = {
    "upload_id": _UPLOAD_ID,
    "status": "checked",
    "name": "march.csv",
    "kind": "csv",
    "size": 1_204,
    "sha256": _SHA256,
    "router_type": None,
    "priority": "NORMAL",
    "batch_type": "HOURLY",
    "rows": 12,
    "wrong_rows": 0,
    "total_amount_usdt": 66.5,
    "recipients": 12,
    "first_time_recipients": 3,
    "duplicates": 0,
    "look_alikes": 0,
    "findings_total": 0,
    "findings": [],
    "batch_id": None,
    "created_at": "2026-01-31T12:00:00Z",
    "checked_at": "2026-01-31T12:00:00Z",
    "submitted_at": None,
}
_WRONG: Final = dict(
    zip(
        FINDING,
        (5, "amount_usdt", "B5", "wrong", "“5,50” has a comma before the decimals.", "Write 5.50."),
        strict=True,
    )
)
_REFUSED: Final = {
    **_CHECKED,
    "status": "refused",
    "wrong_rows": 1,
    "findings_total": 1,
    "findings": [_WRONG],
}
_SUBMITTED: Final = {
    **_CHECKED,
    "status": "submitted",
    "batch_id": examples.BATCH_ID,
    "submitted_at": "2026-01-31T12:05:00Z",
}
_ID: Final = OpenApiParameter(
    "upload_id",
    {"type": "string", "pattern": _PATTERN},
    OpenApiParameter.PATH,
    description="As it was given when the file was taken.",
)
_LINKS: Final = {
    name: link(name, what, upload_id="upload_id")
    for name, what in {
        "getUpload": "How it stands.",
        "getUploadFile": "The file with what is wrong in it.",
        "submitUpload": "Make its batch.",
    }.items()
}

upload_file = operation(
    "uploadFile",
    "Have a file of payouts checked",
    tag=BATCHES,
    description=(
        "CSV or XLSX, at most 5,000 rows and 2,000,000 bytes; the first line names the columns `recipient_address`, "
        "`amount_usdt`, `reason`, `reference_id`, `node_id`, `session_id`, `priority`. All that is wrong is told at "
        "once, and nothing is created yet. Repeated with the same `Idempotency-Key`, the same fields and the same "
        "file are the same request. Not for end users."
    ),
    body=FileUpload,
    body_type=MULTIPART,
    bodies={"A file for the end of the day": {"batch_type": "DAILY", FILE: "(the file)"}},
    status=201,
    answer=UploadShown,
    examples={"It is right": _CHECKED, "Something is wrong": _REFUSED},
    links=_LINKS,
)
get_upload = operation(
    "getUpload",
    "What the check of a file found, and what became of it",
    tag=BATCHES,
    parameters=[_ID],
    answer=UploadShown,
    examples={"Checked": _CHECKED, "Submitted": _SUBMITTED},
    refused=[errors.PayoutNotFound],
)
get_upload_file = operation(
    "getUploadFile",
    "The file, with what is wrong in a column of its own",
    tag=BATCHES,
    description="CSV or XLSX, as it came. What a spreadsheet would run as a formula is text in it.",
    parameters=[_ID],
    answer=OpenApiTypes.BINARY,
    content_type="text/csv",
    example="recipient_address,amount_usdt,reason,check",
    refused=[errors.PayoutNotFound],
)
submit_upload = operation(
    "submitUpload",
    "Make one batch of a checked file",
    tag=BATCHES,
    description=(
        "All rows or none. Everything is looked at once more; what is wrong by then is a refusal, and the file's "
        "findings say what. The batch waits for people: what they approve is bound to the file's hash. The same file "
        "is taken once."
    ),
    parameters=[_ID],
    body=FileSubmissionSerializer,
    bodies={"The file that was checked": {"sha256": _SHA256}},
    status=201,
    answer=UploadShown,
    example=_SUBMITTED,
    refused=[errors.PayoutNotFound, errors.BreakerOpen],
    links={"getBatch": link("getBatch", "How far it is.", batch_id="batch_id")},
)
