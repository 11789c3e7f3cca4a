"""The endpoints that no payment needs but that the clients, or an operator, call."""

from __future__ import annotations

import pytest
from tronpy import Tron, exceptions
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider

from payouts.tron import addresses, encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, Wallet


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def client(devnet: RunningDevnet) -> Tron:
    return Tron(HTTPProvider(devnet.url))


def test_tronpy_stakes_and_lends_energy(payer: Wallet, client: Tron) -> None:
    devnet = payer.devnet
    bob = Wallet(devnet, "bob").funded(trx=1, usdt=0)
    key = PrivateKey(payer.key.secret)
    client.trx.freeze_balance(payer.address, 500 * ONE_TRX, "ENERGY").build().sign(key).broadcast()
    devnet.control.step(blocks=1)
    assert client.get_can_delegated_max_size(payer.address, "ENERGY") == {"max_size": 500 * ONE_TRX}
    lent = client.trx.delegate_resource(payer.address, bob.address, 200 * ONE_TRX, "ENERGY").build()
    lent.sign(key).broadcast()
    devnet.control.step(blocks=1)

    account = client.get_account(payer.address)
    assert account["frozenV2"] == [{}, {"type": "ENERGY", "amount": 300 * ONE_TRX}, {"type": "TRON_POWER"}]
    assert account["account_resource"]["delegated_frozenV2_balance_for_energy"] == 200 * ONE_TRX
    limits = [client.get_account_resource(wallet.address)["EnergyLimit"] for wallet in (payer, bob)]
    assert limits == [300 * 180_000 // 19_000, 200 * 180_000 // 19_000]


def test_more_than_is_staked_cant_be_lent(payer: Wallet) -> None:
    raw = payer.raw_data(encoding.DelegateResource(payer.raw, addresses.decode(payer.devnet.usdt), ONE_TRX))
    assert payer.broadcast(raw)["code"] == "CONTRACT_VALIDATE_ERROR"


def test_unsigned_transactions_are_built_by_the_node(payer: Wallet) -> None:
    bob = Wallet(payer.devnet, "bob")
    built = payer.devnet.call(
        "wallet/createtransaction",
        {"owner_address": payer.raw.hex(), "to_address": bob.raw.hex(), "amount": 5, "extra_data": "6869"},
    )
    raw = encoding.decode_raw_data(bytes.fromhex(built["raw_data_hex"]))
    state = payer.devnet.control.state()
    assert raw.contract == encoding.TransferContract(payer.raw, bob.raw, 5)
    assert (raw.data, raw.expiration) == (b"hi", state["head"]["timestamp"] + 60_000)
    solid = encoding.ref_block(state["solid"]["number"], state["solid"]["id"])
    assert (raw.ref_block_bytes, raw.ref_block_hash) == solid
    assert built["txID"] == encoding.txid(raw.encode())


@pytest.mark.parametrize(
    ("path", "fields", "reason"),
    [
        ("createtransaction", {"to_address": "41" + "11" * 20, "amount": 10**17}, "not sufficient"),
        ("createtransaction", {"to_address": "41" + "11" * 20, "amount": 0}, "greater than 0"),
        ("createtransaction", {"to_address": "41" + "11" * 20, "amount": 10**30}, "For input string"),
        ("freezebalancev2", {"frozen_balance": 1, "resource": "ENERGY"}, "1 TRX"),
        ("freezebalancev2", {"frozen_balance": 1, "resource": "LOVE"}, "no resource"),
        ("delegateresource", {"receiver_address": "41" + "11" * 20, "balance": 10**6}, "does not exist"),
    ],
)
def test_what_cant_be_built_is_an_error(
    payer: Wallet, path: str, fields: dict[str, object], reason: str
) -> None:
    answer = payer.devnet.call(f"wallet/{path}", {"owner_address": payer.raw.hex(), **fields})
    assert reason in answer["Error"]


def test_energy_estimates_are_switched_off(payer: Wallet, client: Tron) -> None:
    with pytest.raises(exceptions.ValidationError, match="does not support estimate energy"):
        client.get_estimated_energy(payer.address, payer.devnet.usdt, "paused()", "")


def test_the_contract_is_described(payer: Wallet, client: Tron) -> None:
    contract = client.get_contract(payer.devnet.usdt)
    assert contract.name == "TetherToken"
    assert client.get_contract_info(payer.devnet.usdt)["contract_state"]["energy_factor"] == 34_000
    assert payer.devnet.call("wallet/getcontract", {"value": payer.raw.hex()}) == {}
    assert payer.devnet.call("wallet/getcontractinfo", {"value": payer.raw.hex()}) == {}


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("TRp9xjWcQiDB5LjQ6Ktz8aEgE7iaZqntzM", {"result": True, "message": "Base58check format"}),
        ("41adcbbb2c4c3a9a34d69c3ad77deed219cb5e9f38", {"result": True, "message": "Hex string format"}),
        ("TRp9xjWcQiDB5LjQ6Ktz8aEgE7iaZqntz1", {"result": False, "message": "Invalid address"}),
        ("42adcbbb2c4c3a9a34d69c3ad77deed219cb5e9f38", {"result": False, "message": "Invalid address"}),
        ("T", {"result": False, "message": "Length error"}),
    ],
)
def test_addresses_are_validated(devnet: RunningDevnet, address: str, answer: dict[str, object]) -> None:
    assert devnet.call("wallet/validateaddress", {"address": address}) == answer


def test_an_unknown_address_is_nothing(devnet: RunningDevnet) -> None:
    stranger = {"address": Wallet(devnet, "stranger").address, "visible": True}
    for path in ("getaccount", "getaccountnet", "getaccountresource"):
        assert devnet.call(f"wallet/{path}", stranger) == {}


def test_blocks_are_found_by_number_id_and_range(devnet: RunningDevnet) -> None:
    head = devnet.call("wallet/getnowblock")
    number = head["block_header"]["raw_data"]["number"]
    assert devnet.call("wallet/getblockbyid", {"value": head["blockID"]}) == head
    assert devnet.call("wallet/getblock", {"id_or_num": str(number)}) == head
    assert devnet.call("wallet/getblock", {"id_or_num": head["blockID"]}) == head
    assert devnet.call("wallet/getblock") == head
    listed = devnet.call("wallet/getblockbylimitnext", {"startNum": number - 2, "endNum": number + 1})
    assert listed["block"][-1] == head
    assert len(listed["block"]) == 3
    assert devnet.call("wallet/getblockbyid", {"value": "00" * 32}) == {}


def test_the_node_describes_itself(devnet: RunningDevnet) -> None:
    info = devnet.call("wallet/getnodeinfo")
    state = devnet.control.state()
    assert info["block"] == f"Num:{state['head']['number']},ID:{state['head']['id']}"
    assert info["solidityBlock"] == f"Num:{state['solid']['number']},ID:{state['solid']['id']}"
    assert len(devnet.call("wallet/listwitnesses")["witnesses"]) == 27
    assert devnet.call("wallet/listnodes", {"visible": True})["nodes"][0]["address"]["host"] == "127.0.0.1"
    assert devnet.call("wallet/getbandwidthprices") == {"prices": "0:1000"}


def test_getsignweight_names_what_is_missing(payer: Wallet) -> None:
    ghost = Wallet(payer.devnet, "ghost")
    unsigned = {"raw_data": encoding.raw_data_to_json(payer.trx_transfer(ghost.address, 1))}
    answer = payer.devnet.call("wallet/getsignweight", unsigned)
    assert answer["result"] == {"code": "NOT_ENOUGH_PERMISSION"}
    nobody = {"raw_data": encoding.raw_data_to_json(ghost.trx_transfer(payer.address, 1))}
    answer = payer.devnet.call("wallet/getsignweight", nobody)
    assert answer["result"]["code"] == "PERMISSION_ERROR"
    assert answer["transaction"]["transaction"]["txID"]
    assert "permission" not in answer
    broken = {**unsigned, "signature": ["00" * 65]}
    code = payer.devnet.call("wallet/getapprovedlist", broken)["result"]["code"]
    assert code == "COMPUTE_ADDRESS_ERROR"
