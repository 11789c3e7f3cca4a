"""`Signature-JWS`: events signed by the key in their client's record, over the body's very bytes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from lucid_payments.accounts.models import User
from lucid_payments.api.body_signatures import NoKey, public_key, thumbprint
from lucid_payments.audit.models import AuditEntry
from payouts.models import WorkEvent
from tests.api_client import Answer, ApiClient
from tests.lucid_payments.backoffice.people import desk

PATH = "/events/session-completed"
EVENT = {
    "event_id": "evt-1", "occurred_at": "2026-01-31T12:00:05Z", "session_id": "session-1", "node_id": "node-1",
    "started_at": "2026-01-31T11:00:00Z", "ended_at": "2026-01-31T12:00:00Z", "sessions_relayed": 12,
    "megabytes_relayed": "730.25",
}  # fmt: skip
BODY = json.dumps(EVENT)


def pair() -> OKPKey:
    raw = Ed25519PrivateKey.generate()
    return OKPKey.import_key(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": encode(raw.public_key().public_bytes_raw()),
            "d": encode(raw.private_bytes_raw()),
        }
    )


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KEY, OTHER = pair(), pair()
X = str(KEY.as_dict(private=False)["x"])


def signature(body: str = BODY, key: Any = KEY, **header: Any) -> str:
    """Detached, as a client makes it."""
    said = {"alg": "Ed25519", "kid": key.thumbprint(), **header}
    registry = jws.JWSRegistry(algorithms=["Ed25519", "EdDSA", "HS256", "none"], strict_check_header=False)
    first, _, last = jws.serialize_compact(said, body, key, registry=registry).split(".")
    return f"{first}..{last}"


def client(**terms: Any) -> ApiClient:
    return ApiClient(User.objects.create_user("core", role="service", **terms))


def post(core: ApiClient, signed: str | None, body: str = BODY) -> Answer:
    return core.post(PATH, body, headers={} if signed is None else {"Signature-JWS": signed})


def refused(core: ApiClient, sentence: str, signed: str | None, body: str = BODY) -> None:
    details = post(core, signed, body).refused(400, "LUCID_ERR_1002")
    assert details == {"Signature-JWS": [sentence]}
    assert not WorkEvent.objects.exists()


@pytest.mark.parametrize("alg", ["Ed25519", "EdDSA"])
def test_what_its_key_signed_is_taken_and_the_log_names_the_key(db: None, alg: str) -> None:
    core = client(fact_key=X, needs_signature=True)
    assert post(core, signature(alg=alg)).body == {"accepted": 1, "repeated": 0}
    assert AuditEntry.objects.get(action="work.reported").details["signed_by"] == KEY.thumbprint()


def test_a_signed_body_sent_again_counts_once(db: None) -> None:
    core = client(fact_key=X, needs_signature=True)
    signed = signature()
    post(core, signed)
    assert post(core, signed).body == {"accepted": 0, "repeated": 1}
    assert WorkEvent.objects.count() == 1


def test_a_signature_is_good_for_its_very_bytes_alone(db: None) -> None:
    core = client(fact_key=X)
    wrong = "It isn't this key's signature of this body."
    signed = signature()
    refused(core, wrong, signed, BODY.replace("12", "13"))
    refused(core, wrong, signed, json.dumps(EVENT, separators=(",", ":")))
    refused(core, wrong, signed, json.dumps([EVENT]))


def test_another_key_s_signature_is_refused(db: None) -> None:
    core = client(fact_key=X)
    refused(core, "Its kid isn't that of the key in this client's record.", signature(key=OTHER))
    wrong = "It isn't this key's signature of this body."
    refused(core, wrong, signature(key=OTHER, kid=KEY.thumbprint()))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"jwk": OTHER.as_dict(private=False)}, "Its header may hold alg, kid and typ alone."),
        ({"jku": "https://example.org/keys"}, "Its header may hold alg, kid and typ alone."),
        ({"crit": ["b64"], "b64": False}, "Its header may hold alg, kid and typ alone."),
    ],
)
def test_a_header_that_brings_anything_along_is_refused(
    db: None, header: dict[str, Any], sentence: str
) -> None:
    plain = json.dumps({"alg": "Ed25519", "kid": KEY.thumbprint(), **header})
    good = signature().split("..")[1]
    refused(client(fact_key=X), sentence, f"{encode(plain.encode())}..{good}")


def test_no_other_algorithm_counts(db: None) -> None:
    core = client(fact_key=X)
    sentence = "It must be signed with Ed25519."
    for alg in ("none", "HS256", "RS256", None):
        header = encode(json.dumps({"alg": alg, "kid": KEY.thumbprint()}).encode())
        refused(core, sentence, f"{header}..{signature().split('..')[1]}")
    # The public key, used as a shared secret.
    forged = signature(key=OctKey.import_key(X), alg="HS256", kid=KEY.thumbprint())
    refused(core, sentence, forged)


@pytest.mark.parametrize("given", ["", "x", "a.b.c", "a..b..c", "..", "é..b", "a" * 1_000 + "..b", "a..b "])
def test_what_is_no_detached_jws_is_refused(db: None, given: str) -> None:
    details = post(client(fact_key=X), given).refused(400, "LUCID_ERR_1002")
    assert list(details) == ["Signature-JWS"]
    assert not WorkEvent.objects.exists()


def test_who_must_sign_is_refused_without_and_who_has_no_key_with_one(db: None) -> None:
    refused(client(fact_key=X, needs_signature=True), "This client was set to sign every event.", None)
    other = ApiClient(User.objects.create_user("other", role="service"))
    refused(other, "There is no key in this client's record to verify it by.", signature())
    assert post(other, None).status == 200


def test_a_key_is_given_in_base64url_or_as_its_jwk() -> None:
    assert public_key(f" {X} ") == public_key(json.dumps(KEY.as_dict(private=False))) == X
    assert thumbprint(X) == KEY.thumbprint()
    for bad in (
        "x", X[:-1], X + "=", X[:-1] + "/", "{", '{"kty": "RSA"}', json.dumps(KEY.as_dict(private=True)),
        '{"kty": "OKP", "crv": "X25519", "x": "' + X + '"}',
    ):  # fmt: skip
        with pytest.raises(NoKey):
            public_key(bad)


def test_two_people_set_the_key(db: None) -> None:
    core = User.objects.create_user("core", role="service")
    first, second = desk("admin", name="one"), desk("admin", name="two")
    first.act("client.fact_key", core, key=json.dumps(KEY.as_dict(private=False)), needed="on")
    core.refresh_from_db()
    assert core.fact_key == ""
    from lucid_payments.backoffice import second_person

    (waiting,) = second_person.waiting()
    second.answer(waiting.pk, "confirm")
    core.refresh_from_db()
    assert (core.fact_key, core.needs_signature) == (X, True)
    assert X in first.client.get(f"/admin/accounts/client/{core.public_id}/").content.decode()
    assert AuditEntry.objects.filter(action="client.fact_key_set").count() == 1
    answer = first.act("client.fact_key", core, key="", needed="on")
    assert "Without a key nothing can be signed." in answer.content.decode()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=core.pk).update(fact_key="")
