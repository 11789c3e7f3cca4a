"""Every refusal of a broadcast, provoked by tronpy where it can send such a thing, else by raw bytes."""

from __future__ import annotations

from typing import Any

import pytest
from tronpy import Tron, exceptions
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider
from tronpy.tron import Transaction

from payouts.tron import encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, Wallet

DAY_MS = 86_400_000


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def bob(devnet: RunningDevnet) -> str:
    return Wallet(devnet, "bob").address


class Client:
    """tronpy, sending bytes that we made."""

    def __init__(self, payer: Wallet) -> None:
        self.payer = payer
        self.tronpy = Tron(HTTPProvider(payer.devnet.url))

    def send(self, raw: encoding.RawData, *signatures: bytes) -> Any:
        given = signatures or (self.payer.signature(raw),)
        document = {
            "raw_data": encoding.raw_data_to_json(raw),
            "signature": [signature.hex() for signature in given],
            "txID": encoding.txid(raw.encode()),
            "permission": None,
        }
        return self.tronpy.broadcast(Transaction.from_json(document, self.tronpy))


@pytest.fixture
def client(payer: Wallet) -> Client:
    return Client(payer)


def test_an_accepted_transaction_is_pending_and_in_no_block(client: Client, payer: Wallet, bob: str) -> None:
    txid = client.send(payer.usdt_transfer(bob, 1))["txid"]
    pending: Any = payer.devnet.call("wallet/gettransactionbyid", {"value": txid})
    assert pending["ret"] == [{"contractRet": "SUCCESS"}]
    assert payer.info(txid) == {}
    assert payer.devnet.call("walletsolidity/gettransactionbyid", {"value": txid}) == {}
    assert payer.devnet.call("wallet/gettransactionlistfrompending") == {"txId": [txid]}


def test_a_strangers_signature_is_refused(client: Client, payer: Wallet, bob: str) -> None:
    stranger = Wallet(payer.devnet, "stranger")
    raw = payer.trx_transfer(bob, ONE_TRX)
    with pytest.raises(exceptions.BadSignature, match="not contained of permission"):
        client.send(raw, stranger.signature(raw))


@pytest.mark.parametrize(
    "signature",
    [b"", b"\0" * 64, b"\x11" * 69, b"\0" * 65, b"\xff" * 65],
    ids=["empty", "64 bytes", "69 bytes", "zeros", "recovery byte 255"],
)
def test_what_is_no_signature_is_refused(client: Client, payer: Wallet, bob: str, signature: bytes) -> None:
    with pytest.raises(exceptions.BadSignature, match="Validate signature error"):
        client.send(payer.trx_transfer(bob, ONE_TRX), signature)


def test_signing_twice_is_refused(client: Client, payer: Wallet, bob: str) -> None:
    raw = payer.trx_transfer(bob, ONE_TRX)
    with pytest.raises(exceptions.BadSignature, match="more than key counts"):
        client.send(raw, payer.signature(raw), payer.signature(raw))


def test_a_permission_that_doesnt_exist_is_refused(client: Client, payer: Wallet, bob: str) -> None:
    with pytest.raises(exceptions.BadSignature, match="permission isn't exit"):
        client.send(payer.trx_transfer(bob, ONE_TRX, permission_id=5))


def test_a_permission_for_calls_only_moves_no_trx(client: Client, payer: Wallet, bob: str) -> None:
    key = {"address": payer.address, "weight": 1}
    active = {"threshold": 1, "operations": "00000080" + "00" * 28, "keys": [key]}
    payer.devnet.control.permissions(payer.address, owner={"threshold": 1, "keys": [key]}, actives=[active])
    with pytest.raises(exceptions.BadSignature, match="Permission denied"):
        client.send(payer.trx_transfer(bob, ONE_TRX, permission_id=2))
    assert client.send(payer.usdt_transfer(bob, 1, permission_id=2))["result"]


def test_too_little_weight_is_refused_and_enough_costs_a_fee(client: Client, payer: Wallet, bob: str) -> None:
    second = Wallet(payer.devnet, "second")
    keys = [{"address": wallet.address, "weight": 1} for wallet in (payer, second)]
    payer.devnet.control.permissions(payer.address, owner={"threshold": 2, "keys": keys})
    raw = payer.usdt_transfer(bob, 1)
    with pytest.raises(exceptions.BadSignature, match="sig error"):
        client.send(raw)
    client.send(raw, second.signature(raw), payer.signature(raw))
    payer.devnet.control.step(blocks=1)
    info = payer.info(encoding.txid(raw.encode()))
    assert info["fee"] == info["receipt"]["energy_fee"] + info["receipt"].get("net_fee", 0) + ONE_TRX


def test_an_unknown_reference_block_is_refused(client: Client, payer: Wallet, bob: str) -> None:
    with pytest.raises(exceptions.TaposError, match="Tapos"):
        client.send(payer.trx_transfer(bob, ONE_TRX, ref_block_hash=b"\1" * 8))


@pytest.mark.parametrize("life_ms", [-60_000, 0, 2_999, DAY_MS + 1])
def test_an_expiration_out_of_its_window_is_refused(
    client: Client, payer: Wallet, bob: str, life_ms: int
) -> None:
    head_ms = payer.devnet.control.state()["head"]["timestamp"]
    with pytest.raises(exceptions.TransactionError, match="Transaction expired"):
        client.send(payer.trx_transfer(bob, ONE_TRX, expiration=head_ms + life_ms))


@pytest.mark.parametrize("life_ms", [3_000, DAY_MS])
def test_the_windows_edges_are_inside(client: Client, payer: Wallet, bob: str, life_ms: int) -> None:
    head_ms = payer.devnet.control.state()["head"]["timestamp"]
    txid = client.send(payer.trx_transfer(bob, ONE_TRX, expiration=head_ms + life_ms))["txid"]
    payer.devnet.control.step(blocks=1)
    assert payer.info(txid)["id"] == txid


def test_the_same_bytes_again_are_a_duplicate_pending_or_in_a_block(
    client: Client, payer: Wallet, bob: str
) -> None:
    raw = payer.trx_transfer(bob, ONE_TRX)
    client.send(raw)
    for _ in range(2):
        with pytest.raises(exceptions.UnknownError, match=r"Dup transaction\.") as refusal:
            client.send(raw)
        assert refusal.value.args[1] == "DUP_TRANSACTION_ERROR"
        payer.devnet.control.step(blocks=1)
    assert payer.devnet.control.balances(bob)["trx_sun"] == ONE_TRX


def test_expiry_is_told_before_a_duplicate_is(client: Client, payer: Wallet, bob: str) -> None:
    raw = payer.trx_transfer(bob, ONE_TRX)
    client.send(raw)
    payer.devnet.control.step(blocks=25)
    with pytest.raises(exceptions.TransactionError, match="Transaction expired"):
        client.send(raw)


def test_the_id_cache_answers_a_duplicate_even_after_a_refusal(
    client: Client, payer: Wallet, bob: str
) -> None:
    payer.devnet.control.node(0, trx_cache=True)
    raw = payer.trx_transfer(bob, ONE_TRX)
    with pytest.raises(exceptions.BadSignature):
        client.send(raw, b"\1" * 65)
    with pytest.raises(exceptions.UnknownError, match=r"Transaction already exists\."):
        client.send(raw)
    assert payer.devnet.control.state()["pending"] == 0


def test_half_a_megabyte_is_too_big(client: Client, payer: Wallet, bob: str) -> None:
    with pytest.raises(exceptions.TransactionError, match="too big"):
        client.send(payer.trx_transfer(bob, ONE_TRX, data=b"x" * 512_000))


def test_a_payer_without_trx_cant_pay_bandwidth(devnet: RunningDevnet, bob: str) -> None:
    poor = Wallet(devnet, "poor")
    devnet.control.fund(poor.address, trx_sun=1, usdt=5, mine=True)
    client = Client(poor)
    client.send(poor.usdt_transfer(bob, 1))  # the free bandwidth of one transfer a day
    with pytest.raises(exceptions.UnknownError, match="resource insufficient") as refusal:
        client.send(poor.usdt_transfer(bob, 1))
    assert refusal.value.args[1] == "BANDWITH_ERROR"


def test_a_transfer_of_more_than_there_is_fails_validation(client: Client, payer: Wallet, bob: str) -> None:
    with pytest.raises(exceptions.ValidationError, match="balance is not sufficient"):
        client.send(payer.trx_transfer(bob, 10**15))


def test_an_account_nobody_activated_fails_validation(devnet: RunningDevnet, bob: str) -> None:
    ghost = Wallet(devnet, "ghost")
    with pytest.raises(exceptions.ValidationError, match="does not exist"):
        Client(ghost).send(ghost.trx_transfer(bob, ONE_TRX))


def test_a_full_pool_is_busy(client: Client, payer: Wallet, bob: str) -> None:
    payer.devnet.control.node(0, max_pending=0)
    client.send(payer.trx_transfer(bob, ONE_TRX))
    with pytest.raises(exceptions.UnknownError, match=r"Server busy\."):
        client.send(payer.trx_transfer(bob, ONE_TRX))


@pytest.mark.parametrize(
    "code",
    [
        "BLOCK_UNSOLIDIFIED",
        "NO_CONNECTION",
        "NOT_ENOUGH_EFFECTIVE_CONNECTION",
        "SERVER_BUSY",
        "CONTRACT_EXE_ERROR",
        "OTHER_ERROR",
    ],
)
@pytest.mark.parametrize("processed", [False, True])
def test_a_nodes_own_trouble_is_told_with_or_without_acceptance(
    client: Client, payer: Wallet, bob: str, code: str, processed: bool
) -> None:
    payer.devnet.control.fault("code", "wallet/broadcast*", calls=1, code=code, processed=processed)
    with pytest.raises(exceptions.UnknownError) as refusal:
        client.send(payer.trx_transfer(bob, ONE_TRX))
    assert refusal.value.args[1] == code
    assert payer.devnet.control.state()["pending"] == int(processed)


def test_broadcasthex_tells_its_code_in_words_and_its_message_in_text(payer: Wallet, bob: str) -> None:
    raw = payer.trx_transfer(bob, ONE_TRX, ref_block_hash=b"\1" * 8)
    answer = payer.broadcast(raw)
    assert (answer["result"], answer["code"]) == (False, "TAPOS_ERROR")
    assert answer["message"] == "Tapos check error."
    assert answer["txid"] == encoding.txid(raw.encode())


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("wallet/broadcasttransaction", {}),
        ("wallet/broadcasttransaction", {"raw_data": {}}),
        ("wallet/broadcasttransaction", {"raw_data": {"contract": "x"}, "signature": 5}),
        ("wallet/broadcasthex", {"transaction": "zz"}),
        ("wallet/broadcasthex", {"transaction": "0a"}),
        ("wallet/getaccount", {"address": "T", "visible": True}),
        ("wallet/getblockbynum", {"num": "seven"}),
        ("wallet/createtransaction", {}),
    ],
)
def test_nonsense_is_answered_as_java_tron_answers_it(
    devnet: RunningDevnet, path: str, request_body: dict[str, Any]
) -> None:
    answer = devnet.call(path, request_body)
    assert list(answer) == ["Error"]
    assert str(answer["Error"]).startswith("class ")


def test_tronpys_own_key_check_sees_the_permission(devnet: RunningDevnet, payer: Wallet, bob: str) -> None:
    client = Tron(HTTPProvider(devnet.url))
    transaction = client.trx.transfer(payer.address, bob, ONE_TRX).build()
    with pytest.raises(exceptions.BadKey):
        transaction.sign(PrivateKey(b"\7" * 32))
