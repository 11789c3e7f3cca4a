"""What a caller may send to `/webhooks`."""

from __future__ import annotations

from rest_framework import serializers

from lucid_payments.api.fields import StrictSerializer, TextField


class EndpointSerializer(StrictSerializer):
    url = TextField(max_length=500)
    types = serializers.ListField(child=TextField(max_length=60), required=False, max_length=50)
