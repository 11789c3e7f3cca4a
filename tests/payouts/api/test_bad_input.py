"""Everything that must be refused at the door: each with its error, and nothing written."""

from __future__ import annotations

import json
from typing import Any

import base58
import pytest
from django.conf import settings

from lucid_payments.api.models import IdempotencyRecord
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from payouts.models import LedgerTransfer, Payout, PayoutTransition
from payouts.tron import addresses
from payouts.tron.networks import NETWORKS
from tests.api_client import ApiClient
from tests.payouts.api.conftest import RECIPIENT, order

RAW = addresses.decode(RECIPIENT)

ADDRESSES = {
    "lower case": RECIPIENT.lower(),
    "one character changed": RECIPIENT[:-1] + ("9" if RECIPIENT[-1] != "9" else "8"),
    "version byte 0x42": base58.b58encode_check(b"\x42" + RAW[1:]).decode(),
    "hex": RAW.hex(),
    "hex with 0x": "0x" + RAW[1:].hex(),
    "Cyrillic look-alike": RECIPIENT.replace("T", "Т", 1),
    "space before": " " + RECIPIENT,
    "space after": RECIPIENT + " ",
    "space within": RECIPIENT[:10] + " " + RECIPIENT[10:],
    "line feed": RECIPIENT + "\n",
    "empty": "",
    "blank": " " * 34,
    "too long": RECIPIENT * 1000,
    "the zero address": base58.b58encode_check(b"\x41" + bytes(20)).decode(),
    "the USDT contract": NETWORKS["devnet"].usdt_contract,
    "ourselves": settings.TREASURY_ADDRESS,
}

# As they stand in the body, character by character.
AMOUNTS = [
    "0",
    "-1",
    "-0.01",
    "0.009",
    "0.0000001",
    "10000.01",
    "10000.000001",
    "1e3",
    "1E3",
    "1.0e1",
    "1e-1",
    '"1e3"',
    '"5,5"',
    '"5.5 "',
    '" 5.5"',
    '"+5.5"',
    '"0x5"',
    '"٥"',
    '"5.5.5"',
    '".5"',
    '"5."',
    '""',
    '"NaN"',
    '"Infinity"',
    "true",
    "false",
    "null",
    "[5]",
    '{"amount": 5}',
    "0.30000000000000004",
    '"0.30000000000000004"',
    '"' + "9" * 400 + '"',
    '"0.' + "0" * 400 + '1"',
]

FIELDS: list[tuple[str, Any]] = [
    ("recipient_address", None),
    ("recipient_address", 5),
    ("recipient_address", True),
    ("recipient_address", [RECIPIENT]),
    ("reason", None),
    ("reason", ""),
    ("reason", "   "),
    ("reason", "x" * 201),
    ("reason", 5),
    ("reason", "two\nlines"),
    ("router_type", "PayoutRouterV1"),
    ("router_type", ""),
    ("router_type", 0),
    ("priority", "urgent"),
    ("priority", 0),
    ("batch_type", "MONTHLY"),
    ("on_limit", "wait"),
    ("session_id", "x" * 51),
    ("session_id", 5),
    ("node_id", "x" * 51),
    ("reference_id", "x" * 101),
    ("reference_id", ""),
    ("retry_of", "payout_"),
    ("retry_of", "payout_a\n"),
    ("retry_of", "batch_abc"),
    ("retry_of", "payout_unknown"),
    ("custom_data", []),
    ("custom_data", "text"),
    ("custom_data", {"a": "x" * 993}),
    ("custom_data", {"a": "é" * 497}),
    ("metadata", 5),
    # Mass assignment, and whatever else isn't ours.
    ("status", "confirmed"),
    ("approved_by", 1),
    ("fee", 0),
    ("role", "admin"),
    ("payout_id", "payout_mine"),
    ("creator", 1),
    ("amount", 5),
    ("__proto__", {}),
]

BODIES: dict[str, bytes] = {
    "not JSON": b"{",
    "form data": b"amount_usdt=5",
    "text after it": b"{} {}",
    "a list": b"[]",
    "a list of orders": json.dumps([order()]).encode(),
    "a number": b"5",
    "text": b'"text"',
    "null": b"null",
    "empty object": b"{}",
    "not UTF-8": b'{"reason": "\xff"}',
    "UTF-16": json.dumps(order()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(order()).encode(),
    "NUL byte": json.dumps(order()).encode() + b"\0",
    "NUL byte in text": json.dumps(order()).replace("relay", "re\0lay").encode(),
    "escaped NUL in text": json.dumps(order(reason="re\0lay")).encode(),
    "escaped NUL in free data": json.dumps(order(custom_data={"a": "\0"})).encode(),
    "escaped NUL in a key": json.dumps(order(custom_data={"\0": 1})).encode(),
    "half of a surrogate pair": json.dumps(order(reason="\ud800")).encode(),
    "a key twice": json.dumps(order())[:-1].encode() + b', "amount_usdt": "6"}',
    "a key twice inside": json.dumps(order())[:-1].encode() + b', "custom_data": {"a": 1, "a": 2}}',
    "NaN": json.dumps(order())[:-1].encode() + b', "custom_data": {"a": NaN}}',
    "Infinity": json.dumps(order())[:-1].encode() + b', "custom_data": {"a": -Infinity}}',
    "too large for a number": json.dumps(order())[:-1].encode() + b', "custom_data": {"a": 1e999}}',
    "more digits than we keep": json.dumps(order())[:-1].encode()
    + b', "custom_data": {"a": 0.12345678901234567891}}',
    "a 400-digit number": json.dumps(order())[:-1].encode() + b', "custom_data": {"a": ' + b"9" * 400 + b"}}",
    "100 levels": json.dumps(order())[:-1].encode()
    + b', "custom_data": '
    + b'{"a":' * 100
    + b"1"
    + b"}" * 101,
    "100,000 levels": b"[" * 100_000,
    "two names of one field": json.dumps(order(custom_data={}, metadata={})).encode(),
}


@pytest.fixture
def api(service: Any) -> ApiClient:
    return ApiClient(service)


@pytest.fixture(autouse=True)
def _nothing_is_written(db: None) -> Any:
    yield
    for model in (Payout, PayoutTransition, LedgerTransfer, AuditEntry, Event, IdempotencyRecord):
        assert not model.objects.exists(), model


KEY = {"Idempotency-Key": "the same"}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_that_must_not_be_paid(api: ApiClient, address: str) -> None:
    answer = api.post("/payouts", order(recipient_address=address), headers=KEY)
    assert "recipient_address" in answer.refused(400, "LUCID_ERR_2001")


@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda amount: amount[:24])
def test_an_amount_that_is_none(api: ApiClient, amount: str) -> None:
    body = json.dumps(order(amount_usdt="HERE")).replace('"HERE"', amount)
    assert "amount_usdt" in api.post("/payouts", body, headers=KEY).refused(400, "LUCID_ERR_1002")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "9" * 400, "0." + "1" * 400, "05", "5.", ".5", "+5"]
)
def test_an_amount_that_is_no_json_number(api: ApiClient, number: str) -> None:
    body = json.dumps(order(amount_usdt="HERE")).replace('"HERE"', number)
    assert "body" in api.post("/payouts", body, headers=KEY).refused(400, "LUCID_ERR_1002")


@pytest.mark.parametrize(("field", "value"), FIELDS, ids=lambda value: str(value)[:24])
def test_a_field_that_is_wrong_or_unknown(api: ApiClient, field: str, value: Any) -> None:
    answer = api.post("/payouts", order(**{field: value}), headers=KEY)
    assert field in answer.refused(400, "LUCID_ERR_1002")


@pytest.mark.parametrize("field", ["recipient_address", "amount_usdt", "reason"])
def test_a_required_field_that_is_missing(api: ApiClient, field: str) -> None:
    body = order()
    del body[field]
    assert field in api.post("/payouts", body, headers=KEY).refused(400, "LUCID_ERR_1002")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_order(api: ApiClient, body: bytes) -> None:
    api.post("/payouts", body, headers=KEY).refused(400, "LUCID_ERR_1002")


def test_an_empty_body_names_every_required_field(api: ApiClient) -> None:
    details = api.post("/payouts", b"", headers=KEY).refused(400, "LUCID_ERR_1002")
    assert set(details) == {"recipient_address", "amount_usdt", "reason"}


@pytest.mark.parametrize("headers", [{}, KEY], ids=["no key", "with a key"])
def test_a_body_of_five_megabytes(api: ApiClient, headers: dict[str, str]) -> None:
    body = json.dumps(order(reason="x" * 5_000_000))
    api.post("/payouts", body, headers=headers).refused(413, "LUCID_ERR_1004")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "",
        "application/json; charset=utf-16",
        "application/vnd.api+json",
    ],
)
def test_another_content_type(api: ApiClient, content_type: str) -> None:
    answer = api.post("/payouts", json.dumps(order()), headers=KEY, content_type=content_type)
    answer.refused(415, "LUCID_ERR_1004")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ключ", "a\tb"])
def test_an_idempotency_key_that_is_none(api: ApiClient, key: str) -> None:
    answer = api.post("/payouts", order(), headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in answer.refused(400, "LUCID_ERR_1002")
