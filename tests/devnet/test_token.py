"""USDT's own quirks: false on success, blacklist, pause, fee, an upgraded contract, strangers' calls."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.devnet.token import selector
from payouts.tron import addresses, encoding
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_USDT, Wallet


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def bob(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet, "bob")


def pay(payer: Wallet, to: str, units: int = ONE_USDT) -> dict[str, Any]:
    txid = payer.send(payer.usdt_transfer(to, units))
    payer.devnet.control.step(blocks=1)
    return payer.info(txid)


def view(devnet: RunningDevnet, signature: str, *words: bytes, root: str = "wallet") -> int:
    """What a view function returns, as a number."""
    answer: Any = devnet.call(
        f"{root}/triggerconstantcontract",
        {
            "owner_address": devnet.usdt,
            "contract_address": devnet.usdt,
            "function_selector": signature,
            "parameter": b"".join(words).hex(),
            "visible": True,
        },
    )
    return int(answer["constant_result"][0], 16)


def test_a_successful_transfer_returns_false_and_logs_itself(payer: Wallet, bob: Wallet) -> None:
    info = pay(payer, bob.address)
    assert int(info["contractResult"][0], 16) == 0
    (log,) = info["log"]
    assert log["address"] == addresses.to_evm(addresses.decode(payer.devnet.usdt)).hex()
    words = [addresses.to_topic(payer.raw).hex(), addresses.to_topic(bob.raw).hex()]
    assert log["topics"] == [encoding.TRANSFER_TOPIC.hex(), *words]
    assert view(payer.devnet, "balanceOf(address)", addresses.to_topic(bob.raw)) == ONE_USDT


@pytest.mark.parametrize("reason", ["paused", "payer blacklisted", "too much", "zero address"])
def test_a_transfer_reverts_without_a_reason(payer: Wallet, bob: Wallet, reason: str) -> None:
    control = payer.devnet.control
    to, units = bob.address, ONE_USDT
    if reason == "paused":
        control.token(paused=True)
    elif reason == "payer blacklisted":
        control.token(blacklist=[payer.address])
    elif reason == "too much":
        units = 1_001 * ONE_USDT
    else:
        to = addresses.encode(b"\x41" + bytes(20))
    info = pay(payer, to, units)
    assert (info["receipt"]["result"], info["contractResult"]) == ("REVERT", [""])
    assert control.balances(payer.address)["usdt"] == 1_000 * ONE_USDT
    assert control.transfers(payer=payer.address) == []


def test_a_transfer_to_a_blacklisted_recipient_succeeds(payer: Wallet, bob: Wallet) -> None:
    payer.devnet.control.token(blacklist=[bob.address])
    assert view(payer.devnet, "isBlackListed(address)", addresses.to_topic(bob.raw)) == 1
    assert pay(payer, bob.address)["receipt"]["result"] == "SUCCESS"
    payer.devnet.control.token(unblacklist=[bob.address])
    assert view(payer.devnet, "isBlackListed(address)", addresses.to_topic(bob.raw)) == 0


def test_a_fee_goes_to_the_owner_in_a_second_log(payer: Wallet, bob: Wallet) -> None:
    payer.devnet.control.token(basis_points_rate=10, maximum_fee=ONE_USDT)
    info = pay(payer, bob.address)
    assert [int(log["data"], 16) for log in info["log"]] == [999_000, 1_000]
    assert view(payer.devnet, "basisPointsRate()") == 10
    payer.devnet.control.token(maximum_fee=7)
    assert [int(log["data"], 16) for log in pay(payer, bob.address)["log"]] == [999_993, 7]


def test_a_deprecated_contract_logs_from_its_successor(payer: Wallet, bob: Wallet) -> None:
    successor = Wallet(payer.devnet, "successor")
    payer.devnet.control.token(deprecated=True, upgraded_address=successor.address)
    (log,) = pay(payer, bob.address)["log"]
    assert log["address"] == successor.raw[1:].hex()
    assert view(payer.devnet, "deprecated()") == 1


def test_a_switch_in_mid_batch_meets_what_is_still_pending(payer: Wallet, bob: Wallet) -> None:
    first = payer.send(payer.usdt_transfer(bob.address, 1))
    payer.devnet.control.step(blocks=1)
    second = payer.send(payer.usdt_transfer(bob.address, 2))
    payer.devnet.control.token(paused=True)
    payer.devnet.control.step(blocks=1)
    results = [payer.info(txid)["receipt"]["result"] for txid in (first, second)]
    assert results == ["SUCCESS", "REVERT"]


def test_a_stranger_may_move_nothing_from_anyone(payer: Wallet, bob: Wallet) -> None:
    stranger = Wallet(payer.devnet, "stranger").funded(usdt=0)
    for units, result in ((0, "SUCCESS"), (1, "REVERT")):
        words = addresses.to_topic(payer.raw) + addresses.to_topic(bob.raw) + units.to_bytes(32)
        txid = stranger.send(stranger.usdt_call(selector("transferFrom(address,address,uint256)") + words))
        payer.devnet.control.step(blocks=1)
        assert stranger.info(txid)["receipt"]["result"] == result
    (poison,) = payer.devnet.control.transfers(payer=payer.address)
    assert poison["amount"] == 0


def test_an_approved_spender_spends_up_to_the_allowance(payer: Wallet, bob: Wallet) -> None:
    spender = Wallet(payer.devnet, "spender").funded(usdt=0)
    approve = selector("approve(address,uint256)") + addresses.to_topic(spender.raw) + (5).to_bytes(32)
    payer.send(payer.usdt_call(approve))
    payer.devnet.control.step(blocks=1)
    words = addresses.to_topic(payer.raw) + addresses.to_topic(bob.raw) + (3).to_bytes(32)
    results = []
    for _ in range(2):
        call = spender.usdt_call(selector("transferFrom(address,address,uint256)") + words)
        txid = spender.send(call)
        payer.devnet.control.step(blocks=1)
        results.append(spender.info(txid)["receipt"]["result"])
    assert results == ["SUCCESS", "REVERT"]
    assert payer.devnet.control.balances(bob.address)["usdt"] == 3


def test_the_constant_figures(devnet: RunningDevnet) -> None:
    assert view(devnet, "decimals()") == 6
    assert view(devnet, "totalSupply()") == 60_000_000_000 * ONE_USDT
    assert view(devnet, "paused()") == view(devnet, "maximumFee()") == 0
    assert view(devnet, "owner()") > 0


def test_the_solid_root_simulates_on_the_solid_state(payer: Wallet, bob: Wallet) -> None:
    pay(payer, bob.address)
    word = addresses.to_topic(bob.raw)
    assert view(payer.devnet, "balanceOf(address)", word) == ONE_USDT
    assert view(payer.devnet, "balanceOf(address)", word, root="walletsolidity") == 0


def test_a_simulated_revert_is_told_in_ret(payer: Wallet, bob: Wallet, devnet: RunningDevnet) -> None:
    answer: Any = devnet.call(
        "wallet/triggerconstantcontract",
        {
            "owner_address": bob.address,
            "contract_address": devnet.usdt,
            "data": encoding.usdt_transfer_data(payer.address, 1).hex(),
            "visible": True,
        },
    )
    assert answer["result"] == {"result": True, "message": "REVERT opcode executed"}
    assert answer["transaction"]["ret"] == [{"ret": "FAILED"}]


def test_a_simulation_changes_nothing(payer: Wallet, bob: Wallet, devnet: RunningDevnet) -> None:
    devnet.call(
        "wallet/triggerconstantcontract",
        {
            "owner_address": payer.raw.hex(),
            "contract_address": addresses.decode(devnet.usdt).hex(),
            "data": encoding.usdt_transfer_data(bob.address, 1).hex(),
        },
    )
    assert devnet.control.balances(bob.address)["usdt"] == 0


def test_an_address_without_a_contract_is_refused(devnet: RunningDevnet, bob: Wallet) -> None:
    request = {"owner_address": bob.raw.hex(), "contract_address": bob.raw.hex(), "data": ""}
    answer: Any = devnet.call("wallet/triggerconstantcontract", request)
    assert answer["result"]["code"] == "CONTRACT_VALIDATE_ERROR"
    assert bytes.fromhex(answer["result"]["message"]) == b"Smart contract is not exist."
