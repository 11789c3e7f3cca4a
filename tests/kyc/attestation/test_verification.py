"""One function says whether an attestation is good; each way of being bad has its reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kyc.attestation import keys, verification
from kyc.attestation.claims import Claims, Kyc, Limits, MalformedClaims, Wallet, parse, payload
from kyc.attestation.keys import KeyState
from kyc.attestation.verification import SENTENCES, AttestationRefused, Facts, Reason, verify
from tests.kyc.attestation.documents import (
    CONTRACT,
    KEY,
    NETWORK,
    NOW,
    STRANGER,
    TAMPERED,
    USDT,
    WALLET,
    claims,
    facts,
    key_of,
    signed,
    trusted,
    with_header,
    with_payload,
)

GOOD = signed(claims())


def refused(document: str, known: Any = None, against: Facts | None = None) -> Reason:
    with pytest.raises(AttestationRefused) as error:
        verify(document, trusted() if known is None else known, against or facts())
    assert str(error.value) == SENTENCES[error.value.reason]
    return error.value.reason


def test_a_good_one_says_what_the_authority_said() -> None:
    said = verify(GOOD, trusted(), facts())
    assert said.jti != claims().jti
    assert (said.issuer, said.subject, said.seq, said.wallet.address) == (
        "test-authority",
        "node-1",
        2,
        WALLET,
    )
    assert said.limits == Limits(500 * USDT, 1_500 * USDT, 15_000 * USDT)


@pytest.mark.filterwarnings("error")
def test_the_older_name_of_the_same_algorithm_is_taken_without_a_warning() -> None:
    assert verify(with_header(GOOD, alg="EdDSA"), trusted(), facts()).seq == 2


@pytest.mark.parametrize(("name", "make", "reason"), TAMPERED, ids=[row[0] for row in TAMPERED])
def test_what_is_not_as_the_authority_signed_it(
    name: str, make: Callable[[datetime], str], reason: Reason
) -> None:
    assert refused(make(NOW)) == reason


@pytest.mark.parametrize(
    ("state", "ended_at", "reason"),
    [
        (KeyState.PENDING, None, Reason.KEY_PENDING),
        (KeyState.ACTIVE, None, None),
        (KeyState.RETIRING, None, None),
        # Routine revocation keeps what was signed before; without a time nothing was.
        (KeyState.REVOKED, NOW, None),
        (KeyState.REVOKED, NOW - timedelta(days=1), Reason.KEY_REVOKED),
        (KeyState.REVOKED, None, Reason.KEY_REVOKED),
        # Compromise voids everything, whatever `iat` says: whoever has the key writes that too.
        (KeyState.COMPROMISED, NOW, Reason.KEY_COMPROMISED),
        (KeyState.COMPROMISED, None, Reason.KEY_COMPROMISED),
    ],
)
def test_what_a_signature_is_worth_depends_on_its_key(
    state: KeyState, ended_at: datetime | None, reason: Reason | None
) -> None:
    known = trusted(KEY, state, ended_at)
    if reason is None:
        assert verify(GOOD, known, facts()).seq == 2
    else:
        assert refused(GOOD, known) == reason


def test_a_key_signs_in_its_own_authority_s_name_alone() -> None:
    other = key_of(0xA1, "another-authority")
    assert refused(GOOD, trusted(other)) == Reason.ISSUER


def test_a_key_under_another_key_s_name_is_no_key() -> None:
    swapped = {KEY.kid: trusted(STRANGER)[STRANGER.kid]}
    assert refused(GOOD, swapped) in (Reason.SIGNATURE, Reason.KEY_UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"highest_seq": 3}, Reason.SEQ_OLDER),
        ({"highest_seq": 1}, None),
        ({"amount": 500 * USDT}, None),
        ({"amount": 500 * USDT + 1}, Reason.LIMITS),
        ({"amount": None}, None),
        ({"at": NOW + timedelta(days=30)}, Reason.EXPIRED),
        ({"at": NOW + timedelta(days=30, microseconds=-1)}, None),
        ({"at": NOW - timedelta(days=1)}, None),
        ({"at": NOW - timedelta(days=1, microseconds=1)}, Reason.NOT_YET),
        ({"kyc_hash": ""}, Reason.KYC_HASH),
        ({"wallet": Wallet(NETWORK, CONTRACT, "")}, Reason.ADDRESS),
        ({"wallet": Wallet(NETWORK, CONTRACT, WALLET.lower())}, Reason.ADDRESS),
        ({"lists": frozenset({"sdn", "eu"})}, Reason.SCREENING),
        ({"lists": frozenset()}, None),
    ],
)
def test_it_is_held_against_the_facts(changes: dict[str, Any], reason: Reason | None) -> None:
    against = facts(**changes)
    if reason is None:
        assert verify(GOOD, trusted(), against)
    else:
        assert refused(GOOD, against=against) == reason


def test_a_day_s_or_a_month_s_limit_holds_for_one_payout_too() -> None:
    for limits in (Limits(None, 4 * USDT, None), Limits(None, None, 4 * USDT)):
        assert refused(signed(claims(limits=limits))) == Reason.LIMITS


def test_every_reason_is_told_not_only_the_first() -> None:
    said = claims(audience="elsewhere", kyc=Kyc("sha256:" + "0b" * 32, "person/1", "full", "low"))
    opened = verification.opened(signed(said), trusted())
    assert verification.refusals(opened, facts()) == [Reason.AUDIENCE, Reason.KYC_HASH]


@pytest.mark.parametrize(
    "document",
    [
        "a.b",
        "..",
        GOOD + ".x",
        GOOD + "=",
        " " + GOOD,
        GOOD[:-1] + ("A" if GOOD[-1] not in "AQgw" else "B"),
        GOOD.split(".")[0] + ".." + GOOD.split(".")[2],
        "x" * 8_001,
        "é.é.é",
    ],
)
def test_what_isn_t_written_as_a_compact_jws_is(document: str) -> None:
    assert refused(document) in (Reason.MALFORMED, Reason.SIGNATURE)


def test_none_is_missing() -> None:
    assert refused("") == Reason.MISSING


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.pop("seq"),
        lambda p: p.update(extra=1),
        lambda p: p.update(seq="2"),
        lambda p: p.update(seq=True),
        lambda p: p.update(seq=0),
        lambda p: p.update(exp=1.5),
        lambda p: p.update(exp=p["nbf"]),
        lambda p: p.update(exp=10**15),
        lambda p: p.update(aud=["lucid-test"]),
        lambda p: p.update(sub=""),
        lambda p: p["limits"].update(currency="TRX"),
        lambda p: p["limits"].update(daily=5),
        lambda p: p["limits"].update(daily="-5"),
        lambda p: p["limits"].update(daily="1e6"),
        lambda p: p["limits"].pop("monthly"),
        lambda p: p["wallet"].update(memo=""),
        lambda p: p["screening"].update(lists=["sdn"]),
        lambda p: p.update(wallet=None),
    ],
)
def test_claims_are_read_strictly(change: Callable[[dict[str, Any]], object]) -> None:
    """Also under a good signature: what isn't understood whole isn't obeyed in part."""
    told = payload(claims())
    change(told)
    with pytest.raises(MalformedClaims):
        parse(json.dumps(told).encode())


def test_a_name_that_stands_twice_is_refused() -> None:
    text = json.dumps(payload(claims())).replace('"seq": 2', '"seq": 2, "seq": 3')
    with pytest.raises(MalformedClaims):
        parse(text.encode())


def test_claims_are_written_as_they_are_read() -> None:
    for said in (claims(), claims(limits=Limits(None, 1, None), screened_by=())):
        assert parse(json.dumps(payload(said)).encode()) == said


def test_a_forgery_is_found_also_after_the_good_one_was_remembered() -> None:
    verify(GOOD, trusted(), facts())
    assert refused(with_payload(GOOD, lambda p: p.update(seq=9))) == Reason.SIGNATURE


def test_the_thumbprint_is_rfc_8037_s_own() -> None:
    assert keys.thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo") == (
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )


def test_claims_hold_no_more_than_the_contract_names() -> None:
    assert set(payload(claims())) == {
        "iss", "aud", "sub", "jti", "iat", "nbf", "exp", "seq", "wallet", "kyc", "limits", "screening",
        "policy_version",
    }  # fmt: skip
    assert isinstance(claims(), Claims)
