"""`/payouts/batch/upload`: a file of payouts is checked, given back annotated, and submitted as one batch."""

from __future__ import annotations

import re
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api import evidence, idempotency, multipart
from lucid_payments.api.errors import InvalidRequest, PayoutNotFound, PermissionRefused
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView, caller
from lucid_payments.money import to_decimal
from payouts.api import upload_schema as schema
from payouts.api.creation import create_once
from payouts.api.upload_serializers import FileSubmissionSerializer, TermsSerializer
from payouts.manager import PayoutManager
from payouts.models.upload import FileKind, PayoutUpload, UploadState
from payouts.uploads import annotated, reading, receiving, submitting
from payouts.uploads.sheet import FileRefused

UPLOAD_ID: Final = r"upload_[a-zA-Z0-9]{1,33}"
MOST_FINDINGS: Final = 1_000
# What each refusal of a submission is about.
_ABOUT: Final = {"not_allowed": "upload_id", "changed": "sha256", "look": "duplicates_meant"}


class UploadsView(LucidView):
    permissions = {"POST": roles.CREATE}
    rate_limits = {"POST": 5}

    @schema.upload_file
    def post(self, request: Request) -> HttpResponse:
        """The same key, fields and file are the same request, however the parts are divided."""
        verdict = receiving.may_upload(caller(request))
        if not verdict:
            raise PermissionRefused({multipart.FILE: [verdict.reason]})
        upload = multipart.read(_plain(request), reading.MAXIMUM)
        terms = TermsSerializer(data=upload.fields)
        terms.is_valid(raise_exception=True)
        return idempotency.run_once(
            _plain(request),
            caller(request),
            lambda: _receive(request, upload, terms),
            body=upload.fingerprint(),
        )


class UploadView(LucidView):
    """What its check found, and what became of it; what belongs to somebody else doesn't exist."""

    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 30}

    @schema.get_upload
    def get(self, request: Request, upload_id: str) -> Response:
        return Response(_shown(_read(request, upload_id)))


class UploadFileView(LucidView):
    permissions = {"GET": roles.READ}
    rate_limits = {"GET": 10}

    @schema.get_upload_file
    def get(self, request: Request, upload_id: str) -> HttpResponse:
        upload = _read(request, upload_id)
        answer = HttpResponse(
            annotated.make(upload), content_type=annotated.MEDIA_TYPES[FileKind(upload.kind)]
        )
        answer["Content-Disposition"] = f'attachment; filename="{annotated.name_of(upload)}"'
        return answer


class UploadSubmissionView(LucidView):
    permissions = {"POST": roles.CREATE}
    rate_limits = {"POST": 5}

    @schema.submit_upload
    def post(self, request: Request, upload_id: str) -> HttpResponse:
        return create_once(request, lambda: self._submit(request, upload_id))

    def _submit(self, request: Request, upload_id: str) -> Answer:
        body = FileSubmissionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, upload = caller(request), _visible(caller(request), upload_id)
        verdict = receiving.may_upload(user)
        if not verdict or upload.uploader_id != user.pk:
            raise PermissionRefused({"upload_id": [verdict.reason or "Who gave the file submits it."]})
        try:
            done = PayoutManager.submit_file(
                upload,
                actor=user,
                seen=body.validated_data["sha256"],
                look_alikes_meant=body.validated_data.get("duplicates_meant") is True,
                request_id=request_id_of(_plain(request)),
                idempotency_key=idempotency.key_of(_plain(request)),
            )
        except submitting.Refused as refused:
            raise InvalidRequest({_ABOUT[refused.code]: [str(refused)]}) from None
        if done.state != UploadState.SUBMITTED:
            raise InvalidRequest(
                {"upload_id": ["Nothing was created: something in the file is wrong by now. It says what."]}
            )
        return Answer(201, _shown(done), done.upload_id)


def _receive(request: Request, given: multipart.Upload, terms: TermsSerializer) -> Answer:
    try:
        upload = receiving.receive(
            given.content,
            given.name,
            uploader=caller(request),
            terms=terms.terms(),
            request_id=request_id_of(_plain(request)),
        )
    except FileRefused as refused:
        raise InvalidRequest({multipart.FILE: refused.sentences}) from None
    return Answer(201, _shown(upload), upload.upload_id)


def _read(request: Request, upload_id: str) -> PayoutUpload:
    upload = _visible(caller(request), upload_id)
    if upload.uploader_id != caller(request).pk:
        evidence.read(caller(request), "upload.read", [upload.upload_id], upload)
    return upload


def _visible(user: User, upload_id: str) -> PayoutUpload:
    rows = PayoutUpload.objects.select_related("uploader", "batch").defer("rows")
    mine = rows if user.role == Role.ADMIN else rows.filter(uploader=user)
    upload = mine.filter(upload_id=upload_id).first() if re.fullmatch(UPLOAD_ID, upload_id) else None
    if upload is None:
        raise PayoutNotFound
    return upload


def _shown(upload: PayoutUpload) -> dict[str, Any]:
    return {
        "upload_id": upload.upload_id,
        "status": upload.state,
        "name": upload.name,
        "kind": upload.kind,
        "size": upload.size,
        "sha256": upload.sha256,
        "router_type": upload.router_type,
        "priority": upload.get_priority_display(),
        "batch_type": upload.batch_type,
        "rows": upload.rows_count,
        "wrong_rows": upload.wrong_rows,
        "total_amount_usdt": to_decimal(upload.total_amount),
        "recipients": upload.recipients,
        "first_time_recipients": upload.first_time,
        "duplicates": upload.duplicates,
        "look_alikes": upload.look_alikes,
        "findings_total": len(upload.findings),
        "findings": [
            dict(zip(schema.FINDING, found, strict=True)) for found in upload.findings[:MOST_FINDINGS]
        ],
        "batch_id": upload.batch.batch_id if upload.batch is not None else None,
        "created_at": upload.uploaded_at,
        "checked_at": upload.checked_at,
        "submitted_at": upload.submitted_at,
    }


def _plain(request: Request) -> HttpRequest:
    return request._request
