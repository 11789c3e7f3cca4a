"""`POST /auth/token`: a name and a password for an access and a refresh token."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lucid_payments.accounts.models import User
from lucid_payments.accounts.tokens import AccessToken, RefreshToken, issue
from lucid_payments.api import errors
from lucid_payments.api.fields import StrictSerializer
from lucid_payments.api.request_id import request_id_of
from lucid_payments.api.views import LucidView
from lucid_payments.audit import log


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class TokenView(LucidView):
    """Answers a wrong name, a wrong password and a closed account alike."""

    authentication_classes = ()
    permission_classes = ()
    rate_limits = {"POST": 10}

    def post(self, request: Request) -> Response:
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        user = authenticate(request._request, **credentials.validated_data)
        # A one-time password is for choosing another one, in the back office.
        if not isinstance(user, User) or user.must_change_password:
            raise errors.MissingToken
        with transaction.atomic():
            log.record("token.issued", actor=user, subject=user, request_id=request_id_of(request._request))
        access = issue(AccessToken, user)
        return Response(
            {
                "access": str(access),
                "refresh": str(issue(RefreshToken, user)),
                "expires_in": int(AccessToken.lifetime.total_seconds()),
            }
        )
