"""`/recipients/me`: an owner proves a wallet by a signed message, once, for this deployment, account and address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from kyc import wallets
from kyc.models import Node, NodeOperator, ScreeningCase, Wallet
from kyc.wallets import challenges
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events.models import Event
from tests.api_client import ApiClient
from tests.kyc.screening import lists
from tests.kyc.wallets import signing
from tests.kyc.wallets.signing import ADDRESSES

pytestmark = pytest.mark.django_db
PATH = "/recipients/me"
DAY = timedelta(hours=24)
TREASURY_OR_CONTRACT = "TLCj2xEqdrMCYkTZbJWNRB3ZTXVyem7BBL"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("paid", role="end_user")


@pytest.fixture
def node() -> Node:
    owner = User.objects.create_user("operator", role="node_operator")
    operator = NodeOperator.objects.create(user=owner, operator_id="operator-1")
    return Node.objects.create(node_id="node-1", operator=operator)


def test_a_client_asks_what_to_sign_signs_it_and_has_a_wallet(user: User) -> None:
    clock.freeze(clock.now())
    api = ApiClient(user)
    assert api.get(PATH).body == {"node_id": None, "wallet": None, "challenge": None}

    challenge = api.get(f"{PATH}?wallet_address={ADDRESSES[0]}").body["challenge"]
    for part in (
        "Deployment: lucid-test",
        f"Account: {user.public_id}",
        f"Wallet: {ADDRESSES[0]}",
        challenge["nonce"],
    ):
        assert part in challenge["message"]
    answer = api.put(
        PATH,
        {
            "wallet_address": ADDRESSES[0],
            "nonce": challenge["nonce"],
            "signature": signing.sign(challenge["message"]),
        },
    )
    assert answer.status == 200
    assert answer.body["wallet"]["wallet_address"] == ADDRESSES[0]
    assert (answer.body["wallet"]["state"], answer.body["wallet"]["proof"]) == ("cooling_off", "signed")

    wallet = Wallet.objects.get()
    assert wallet.counts_from == wallet.created_at + DAY
    assert AuditEntry.objects.get(action="wallet.set").object_id == str(wallet.pk)
    told = Event.objects.get(type="wallet.changed")
    assert (told.owner, told.payload) == (user, {"state": "cooling_off", "node_id": None})


def test_a_wallet_counts_when_its_cooling_off_time_is_over_and_not_before(user: User) -> None:
    now = clock.now()
    clock.freeze(now)
    ApiClient(user).put(PATH, signing.body(user))
    clock.freeze(now + DAY - timedelta(seconds=1))
    assert wallets.of_user(user.pk) is None
    clock.freeze(now + DAY)
    assert wallets.of_user(user.pk) == ADDRESSES[0]
    assert ApiClient(user).get(PATH).body["wallet"]["state"] == "current"


def test_another_wallet_voids_the_one_before_at_once_and_the_history_stays(user: User) -> None:
    now = clock.now()
    clock.freeze(now)
    ApiClient(user).put(PATH, signing.body(user))
    clock.freeze(now + 2 * DAY)
    assert ApiClient(user).put(PATH, signing.body(user, 1)).status == 200
    assert wallets.of_user(user.pk) is None
    clock.freeze(now + 3 * DAY)
    assert wallets.of_user(user.pk) == ADDRESSES[1]
    first = Wallet.objects.earliest("pk")
    assert (first.address, first.end, first.ended_at) == (ADDRESSES[0], "replaced", now + 2 * DAY)


def test_the_same_request_again_changes_nothing(user: User) -> None:
    body = signing.body(user)
    first, second = ApiClient(user).put(PATH, body), ApiClient(user).put(PATH, body)
    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert Wallet.objects.count() == 1
    assert AuditEntry.objects.filter(action="wallet.set").count() == 1


def test_proving_the_wallet_one_has_does_not_begin_its_time_anew(user: User) -> None:
    now = clock.now()
    clock.freeze(now)
    ApiClient(user).put(PATH, signing.body(user))
    clock.freeze(now + DAY)
    assert ApiClient(user).put(PATH, signing.body(user)).body["wallet"]["state"] == "current"
    assert Wallet.objects.count() == 1


def test_an_old_proof_brings_no_old_wallet_back(user: User) -> None:
    old = signing.body(user)
    ApiClient(user).put(PATH, old)
    ApiClient(user).put(PATH, signing.body(user, 1))
    assert set(ApiClient(user).put(PATH, old).refused(409, "LUCID_ERR_1004")) == {"nonce"}
    assert Wallet.objects.get(ended_at=None).address == ADDRESSES[1]


def _others(user: User) -> dict[str, Any]:
    return signing.body(User.objects.create_user("other", role="end_user"))


def _expired(user: User) -> dict[str, Any]:
    now = clock.now()
    body = signing.body(user)
    clock.freeze(now + challenges.LASTS + timedelta(seconds=1))
    return body


def _for_another_deployment(user: User) -> dict[str, Any]:
    challenge = challenges.make(user, None, ADDRESSES[0])
    message = challenge.message.replace("lucid-test", "lucid-production")
    return {"wallet_address": ADDRESSES[0], "nonce": challenge.nonce, "signature": signing.sign(message)}


def _of_another_wallet(user: User) -> dict[str, Any]:
    challenge = challenges.make(user, None, ADDRESSES[0])
    return {
        "wallet_address": ADDRESSES[0],
        "nonce": challenge.nonce,
        "signature": signing.sign(challenge.message, 1),
    }


REFUSED = {
    "another user's challenge": (_others, "nonce"),
    "a challenge that is over": (_expired, "nonce"),
    "signed for another deployment": (_for_another_deployment, "signature"),
    "signed by another wallet": (_of_another_wallet, "signature"),
    "another address than the challenge's": (
        lambda user: {**signing.body(user), "wallet_address": ADDRESSES[1]},
        "nonce",
    ),
    "a made-up nonce": (lambda user: {**signing.body(user), "nonce": "WzFd:abc:def"}, "nonce"),
    "a forged nonce": (
        lambda user: {**signing.body(user), "nonce": signing.body(user)["nonce"][:-1] + "!"},
        "nonce",
    ),
    "no hexadecimal": (lambda user: {**signing.body(user), "signature": "zz" * 65}, "signature"),
    "a short signature": (lambda user: {**signing.body(user), "signature": "0x1234"}, "signature"),
    "no signature": (lambda user: {**signing.body(user), "signature": ""}, "signature"),
    "a number": (lambda user: {**signing.body(user), "signature": 1}, "signature"),
    "a long nonce": (lambda user: {**signing.body(user), "nonce": "n" * 301}, "nonce"),
    "an unknown field": (lambda user: {**signing.body(user), "state": "current"}, "state"),
    "no address": (lambda user: {"nonce": "x", "signature": "x"}, "wallet_address"),
    "null": (lambda user: {**signing.body(user), "wallet_address": None}, "wallet_address"),
    "a list": (lambda user: [], "body"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_and_sets_nothing(user: User, case: str) -> None:
    make, field = REFUSED[case]
    details = ApiClient(user).put(PATH, make(user)).refused(400, "LUCID_ERR_1002")
    assert field in details, details
    assert not Wallet.objects.exists()
    assert not AuditEntry.objects.filter(action="wallet.set").exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "T",
        "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9",
        "41" + "00" * 20,
        "0x" + "12" * 20,
        "x" * 64,
        TREASURY_OR_CONTRACT,
    ],
)
def test_no_challenge_for_what_is_nobody_s_wallet(user: User, address: str) -> None:
    answer = ApiClient(user).get(f"{PATH}?wallet_address={address}")
    assert set(answer.body) == {"error"}
    assert answer.status == 400


def test_an_unknown_parameter_is_refused_by_name(user: User) -> None:
    assert "address" in ApiClient(user).get(f"{PATH}?address=x").refused(400, "LUCID_ERR_1002")


def test_a_node_s_wallet_is_its_operator_s_to_prove(node: Node) -> None:
    owner = node.operator.user
    clock.freeze(clock.now())
    answer = ApiClient(owner).put(PATH, signing.body(owner, node=node))
    assert (answer.status, answer.body["node_id"]) == (200, "node-1")
    assert "Node: node-1" in Wallet.objects.get().message
    assert wallets.of_node("node-1") is None
    clock.freeze(clock.now() + DAY)
    assert wallets.of_node("node-1") == ADDRESSES[0]
    assert wallets.of_user(owner.pk) is None


def test_a_challenge_for_oneself_proves_no_node_s_wallet(node: Node) -> None:
    owner = node.operator.user
    body = {**signing.body(owner), "node_id": "node-1"}
    assert "nonce" in ApiClient(owner).put(PATH, body).refused(400, "LUCID_ERR_1002")
    assert not Wallet.objects.exists()


@pytest.mark.parametrize("node_id", ["node-1", "nobody's"])
def test_another_s_node_does_not_exist(user: User, node: Node, node_id: str) -> None:
    api = ApiClient(user)
    api.get(f"{PATH}?node_id={node_id}").refused(404, "LUCID_ERR_1004")
    api.put(PATH, {**signing.body(user), "node_id": node_id}).refused(404, "LUCID_ERR_1004")
    assert not Wallet.objects.exists()


def test_the_cooling_off_time_is_a_setting(user: User, settings: Settings) -> None:
    settings.COOLING_OFF_HOURS = 2
    ApiClient(user).put(PATH, signing.body(user))
    wallet = Wallet.objects.get()
    assert timedelta(hours=1, minutes=59) < wallet.counts_from - wallet.created_at <= timedelta(hours=2)


def test_a_listed_address_becomes_nobody_s_wallet_and_opens_a_case(user: User) -> None:
    body = signing.body(user)
    lists.listing(*(ADDRESSES[0], lists.tron("another")))
    details = ApiClient(user).put(PATH, body).refused(403, "LUCID_ERR_2012")
    assert details == {}
    assert not Wallet.objects.exists()
    assert ScreeningCase.objects.get().subject == ADDRESSES[0]


def test_who_can_t_sign_for_an_address_opens_no_case_of_it(user: User) -> None:
    lists.listing(*(ADDRESSES[0], lists.tron("another")))
    assert ApiClient(user).put(PATH, _of_another_wallet(user)).status == 400
    assert not ScreeningCase.objects.exists()
