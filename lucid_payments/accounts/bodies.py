"""What a caller may send to `/auth`."""

from __future__ import annotations

from rest_framework import serializers

from lucid_payments.accounts.tokens import MAX_LENGTH
from lucid_payments.api.fields import StrictSerializer


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=MAX_LENGTH)


class KeySerializer(StrictSerializer):
    key = serializers.CharField(max_length=200)
