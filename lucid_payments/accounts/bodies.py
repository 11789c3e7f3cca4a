"""What a caller may send to `/auth`."""

from __future__ import annotations

from lucid_payments.accounts.tokens import MAX_LENGTH
from lucid_payments.api.fields import SecretField, StrictSerializer


class CredentialsSerializer(StrictSerializer):
    username = SecretField(max_length=150, trim_whitespace=True)
    password = SecretField(max_length=1000)


class RefreshSerializer(StrictSerializer):
    refresh = SecretField(max_length=MAX_LENGTH, trim_whitespace=True)


class KeySerializer(StrictSerializer):
    key = SecretField(max_length=200, trim_whitespace=True)
