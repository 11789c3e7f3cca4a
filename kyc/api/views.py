"""`/kyc/applications`: apply, correct, add documents, hand in, answer what is asked, follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from kyc.api import answers, schema
from kyc.api.serializers import ApplicationSerializer, DocumentSerializer, SubmissionSerializer
from kyc.documents import converting, storing
from kyc.documents.converting import Converted
from kyc.documents.errors import DocumentRefused
from kyc.models import DocumentKind, KycRecord, NodeOperator
from kyc.models.operators import OperatorStatus as State
from kyc.models.records import UNDECIDED
from kyc.review import applying, marking, steps
from kyc.review.errors import Conflict, InvalidFields, Refused
from lucid_payments.accounts import roles
from lucid_payments.accounts.models import User
from lucid_payments.api import idempotency, multipart
from lucid_payments.api.errors import ApplicationClosed, HttpError, InvalidRequest, PermissionRefused
from lucid_payments.api.idempotency import Answer
from lucid_payments.api.views import LucidView, caller

PER_MINUTE: Final = 10
MOST_LISTED: Final = 100


class ApplicationsView(LucidView):
    permissions = {"GET": roles.KYC, "POST": roles.KYC}
    rate_limits = {"GET": PER_MINUTE, "POST": PER_MINUTE}

    @schema.list_applications
    def get(self, request: Request) -> Response:
        rows = KycRecord.objects.filter(operator__user=caller(request)).order_by("-number")[:MOST_LISTED]
        return Response({"applications": [answers.summary(record) for record in rows]})

    @schema.create_application
    def post(self, request: Request) -> HttpResponse:
        return idempotency.run_once(request._request, caller(request), lambda: self._begin(request))

    def _begin(self, request: Request) -> Answer:
        user, declared = caller(request), _declared(request)
        operator = NodeOperator.objects.filter(user=user).first()
        if operator is None:
            raise PermissionRefused({"operator": ["No node operator is registered for this account."]})
        open_one = KycRecord.objects.filter(operator=operator, state__in=UNDECIDED).first()
        with _told_plainly(open_one):
            record = applying.begin(operator, declared, actor=user)
        return Answer(201, answers.application(record), record.public_id)


class ApplicationView(LucidView):
    permissions = {"GET": roles.KYC, "PUT": roles.KYC}
    rate_limits = {"GET": PER_MINUTE, "PUT": PER_MINUTE}

    @schema.get_application
    def get(self, request: Request, application_id: str) -> Response:
        return Response(answers.application(_own(caller(request), application_id)))

    @schema.change_application
    def put(self, request: Request, application_id: str) -> Response:
        """What is declared, in whole, while it is a draft or asked about."""
        record = _own(caller(request), application_id)
        with _told_plainly(record):
            changed = applying.edit(record, _declared(request), actor=caller(request))
        return Response(answers.application(changed))


class DocumentsView(LucidView):
    permissions = {"POST": roles.KYC}
    rate_limits = {"POST": PER_MINUTE}

    @schema.add_document
    def post(self, request: Request, application_id: str) -> HttpResponse:
        """The file is looked at and drawn before anything is locked: that may take seconds."""
        record = _own(caller(request), application_id)
        upload = multipart.read(_plain(request), converting.maximum_bytes())
        said = DocumentSerializer(data=upload.fields)
        said.is_valid(raise_exception=True)
        try:
            found = converting.convert(upload.content)
        except DocumentRefused as refused:
            raise InvalidRequest({multipart.FILE: [str(refused)], "reason": refused.code}) from None
        return idempotency.run_once(
            _plain(request),
            caller(request),
            lambda: self._add(record, caller(request), said.validated_data, found),
            body=upload.fingerprint(),
        )

    def _add(self, record: KycRecord, user: User, said: dict[str, Any], found: Converted) -> Answer:
        with _told_plainly(record):
            document = storing.add(
                record, DocumentKind(said["kind"]), found, actor=user, replaces=said.get("replaces")
            )
        return Answer(201, answers.document(document), str(document.pk))


class SubmissionView(LucidView):
    """Hands in a draft, or the answer to what was asked."""

    permissions = {"POST": roles.KYC}
    rate_limits = {"POST": PER_MINUTE}

    @schema.submit_application
    def post(self, request: Request, application_id: str) -> HttpResponse:
        return idempotency.run_once(
            request._request, caller(request), lambda: self._submit(request, application_id)
        )

    def _submit(self, request: Request, application_id: str) -> Answer:
        SubmissionSerializer(data=request.data).is_valid(raise_exception=True)
        record = _own(caller(request), application_id)
        act = applying.answer if record.state == State.INFO_REQUESTED else applying.submit
        if record.state == State.DRAFT and not marking.current_documents(record).exists():
            raise InvalidRequest({"documents": ["Add at least one document first."]})
        with _told_plainly(record):
            changed = act(record, actor=caller(request))
        return Answer(200, answers.application(changed), record.public_id)


def _plain(request: Request) -> HttpRequest:
    return request._request


def _own(user: User, application_id: str) -> KycRecord:
    """What belongs to somebody else is answered like what isn't there."""
    rows = KycRecord.objects.filter(operator__user=user).select_related("operator__user")
    record = rows.filter(public_id=application_id).first() if "\0" not in application_id else None
    if record is None:
        raise HttpError(404, {"application_id": ["There is no application of yours with this id."]})
    return record


def _declared(request: Request) -> dict[str, Any]:
    body = ApplicationSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    declared: dict[str, Any] = body.validated_data["fields"]
    return declared


@contextmanager
def _told_plainly(record: KycRecord | None) -> Iterator[None]:
    """The review's refusals in the API's words: its own may name states that are the desk's business."""
    try:
        yield
    except InvalidFields as wrong:
        problems = {name[:100]: [why] for name, why in list(wrong.problems.items())[:50]}
        raise InvalidRequest({"fields": problems}) from None
    except Refused as refused:
        raise InvalidRequest({"application": [str(refused)]}) from None
    except Conflict:
        about = {"application_id": record.public_id, "status": steps.outward_state(record)} if record else {}
        raise ApplicationClosed(about) from None
