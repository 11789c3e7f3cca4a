"""What a transaction costs: bandwidth, energy, the fee limit, and the receipt that tells it."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.tron import encoding
from payouts.tron.encoding import FreezeBalanceV2, Resource
from tests.devnet.fixtures import RunningDevnet
from tests.devnet.wallet import ONE_TRX, ONE_USDT, Wallet

HOLDER_ENERGY = 64_285
NEW_HOLDER_ENERGY = 130_285
ENERGY_PRICE = 100
USDT_BANDWIDTH = 345


@pytest.fixture
def payer(devnet: RunningDevnet) -> Wallet:
    return Wallet(devnet).funded()


@pytest.fixture
def bob(devnet: RunningDevnet) -> str:
    """Has some USDT."""
    bob = Wallet(devnet, "bob").address
    devnet.control.fund(bob, usdt=1, mine=True)
    return bob


@pytest.fixture
def newcomer(devnet: RunningDevnet) -> str:
    """Has never had anything."""
    return Wallet(devnet, "newcomer").address


def pay(payer: Wallet, to: str, **fields: Any) -> dict[str, Any]:
    """The receipt of a transfer of 1 USDT, which has stood in a block."""
    txid = payer.send(payer.usdt_transfer(to, ONE_USDT, **fields))
    payer.devnet.control.step(blocks=1)
    return payer.info(txid)


def test_the_first_transfer_of_a_day_has_free_bandwidth_and_burns_energy(payer: Wallet, bob: str) -> None:
    info = pay(payer, bob)
    assert info["receipt"] == {
        "energy_fee": HOLDER_ENERGY * ENERGY_PRICE,
        "energy_usage_total": HOLDER_ENERGY,
        "net_usage": USDT_BANDWIDTH,
        "result": "SUCCESS",
        "energy_penalty_total": 49_635,
    }
    assert info["fee"] == HOLDER_ENERGY * ENERGY_PRICE
    assert info["contractResult"] == ["00" * 32]


def test_a_recipient_without_usdt_costs_twice_the_energy(payer: Wallet, newcomer: str) -> None:
    info = pay(payer, newcomer)
    assert info["receipt"]["energy_usage_total"] == NEW_HOLDER_ENERGY
    assert info["receipt"]["energy_penalty_total"] == 100_635


def test_the_second_transfer_burns_all_its_bandwidth_until_tomorrow(payer: Wallet, bob: str) -> None:
    pay(payer, bob)
    second = pay(payer, bob)
    assert "net_usage" not in second["receipt"]
    assert second["receipt"]["net_fee"] == USDT_BANDWIDTH * 1_000
    assert second["fee"] == HOLDER_ENERGY * ENERGY_PRICE + USDT_BANDWIDTH * 1_000
    payer.devnet.control.step(seconds=86_400)
    assert pay(payer, bob)["receipt"]["net_usage"] == USDT_BANDWIDTH


def test_lent_energy_is_used_before_trx_is_burned(payer: Wallet, bob: str) -> None:
    payer.devnet.control.stake(payer.address, trx_sun=5_000 * ONE_TRX, mine=True)
    lent = payer.devnet.control.balances(payer.address)["energy_limit"]
    assert 0 < lent < HOLDER_ENERGY
    receipt = pay(payer, bob)["receipt"]
    assert receipt["energy_usage"] == lent
    assert receipt["energy_fee"] == (HOLDER_ENERGY - lent) * ENERGY_PRICE
    assert payer.devnet.control.balances(payer.address)["energy_left"] == 0


def test_lent_bandwidth_pays_for_the_bytes(payer: Wallet, bob: str) -> None:
    payer.devnet.control.stake(payer.address, trx_sun=1_000 * ONE_TRX, resource="BANDWIDTH", mine=True)
    for _ in range(3):
        assert pay(payer, bob)["receipt"]["net_usage"] == USDT_BANDWIDTH


def test_own_stake_yields_energy_from_the_next_block(payer: Wallet, bob: str) -> None:
    payer.devnet.control.fund(payer.address, trx_sun=100_000 * ONE_TRX, mine=True)
    payer.send(payer.raw_data(FreezeBalanceV2(payer.raw, 50_000 * ONE_TRX, Resource.ENERGY)))
    payer.devnet.control.step(blocks=1)
    receipt = pay(payer, bob)["receipt"]
    assert receipt["energy_usage"] == HOLDER_ENERGY
    assert "energy_fee" not in receipt


@pytest.mark.parametrize("staked", [False, True])
def test_the_fee_limit_caps_staked_energy_too_and_all_of_it_is_gone(
    payer: Wallet, newcomer: str, staked: bool
) -> None:
    if staked:
        payer.devnet.control.stake(payer.address, trx_sun=50_000 * ONE_TRX, mine=True)
    info = pay(payer, newcomer, fee_limit=10 * ONE_TRX)
    assert info["result"] == "FAILED"
    assert info["receipt"]["result"] == "OUT_OF_ENERGY"
    assert info["receipt"]["energy_usage_total"] == 100_000
    assert info["fee"] == (0 if staked else 10 * ONE_TRX) if "fee" in info else staked
    assert bytes.fromhex(info["resMessage"]).startswith(b"Not enough energy for 'SSTORE'")
    assert info["contractResult"] == [""]
    assert "log" not in info
    assert payer.devnet.control.balances(newcomer)["usdt"] == 0


def test_a_revert_burns_only_what_it_used(payer: Wallet, bob: str) -> None:
    txid = payer.send(payer.usdt_transfer(bob, 10**15))
    payer.devnet.control.step(blocks=1)
    info = payer.info(txid)
    assert (info["result"], info["receipt"]["result"]) == ("FAILED", "REVERT")
    assert bytes.fromhex(info["resMessage"]) == b"REVERT opcode executed"
    assert 0 < info["fee"] < HOLDER_ENERGY * ENERGY_PRICE


def test_the_balance_caps_the_energy_as_well(devnet: RunningDevnet, bob: str) -> None:
    poor = Wallet(devnet, "poor").funded(trx=2)
    info = pay(poor, bob)
    assert info["receipt"]["result"] == "OUT_OF_ENERGY"
    assert info["fee"] == 2 * ONE_TRX
    assert devnet.control.balances(poor.address)["trx_sun"] == 0


def test_a_memo_costs_a_fee_and_its_bytes(payer: Wallet, bob: str) -> None:
    info = pay(payer, bob, data=b"thanks")
    assert info["fee"] == HOLDER_ENERGY * ENERGY_PRICE + ONE_TRX
    assert info["receipt"]["net_usage"] == USDT_BANDWIDTH + 2 + len(b"thanks")


def test_prices_are_the_chains_parameters(payer: Wallet, bob: str) -> None:
    payer.devnet.control.parameters(getEnergyFee=210)
    assert pay(payer, bob, fee_limit=100 * ONE_TRX)["receipt"]["energy_fee"] == HOLDER_ENERGY * 210
    prices = str(payer.devnet.call("wallet/getenergyprices")["prices"])
    assert [pair.split(":")[1] for pair in prices.split(",")] == ["100", "210"]


def test_the_dynamic_factor_falls_with_demand(payer: Wallet, bob: str) -> None:
    payer.devnet.control.token(energy_factor=0)
    receipt = pay(payer, bob)["receipt"]
    assert receipt["energy_usage_total"] == 14_650
    assert "energy_penalty_total" not in receipt


def test_a_fee_limit_above_the_chains_is_refused(payer: Wallet, bob: str) -> None:
    raw = payer.usdt_transfer(bob, 1, fee_limit=15_000 * ONE_TRX + 1)
    assert payer.broadcast(raw)["code"] == "CONTRACT_VALIDATE_ERROR"


def test_a_transfer_to_a_known_account_costs_bandwidth_only(payer: Wallet, devnet: RunningDevnet) -> None:
    carol = Wallet(devnet, "carol").funded(trx=1, usdt=0)
    raw = payer.trx_transfer(carol.address, ONE_TRX)
    txid = payer.send(raw)
    devnet.control.step(blocks=1)
    assert payer.info(txid)["receipt"] == {"net_usage": encoding.bandwidth_points(raw.encode(), 1)}


def test_activating_an_account_costs_extra(payer: Wallet, newcomer: str) -> None:
    txid = payer.send(payer.trx_transfer(newcomer, 5))
    payer.devnet.control.step(blocks=1)
    assert payer.info(txid)["fee"] == 1_100_000
    account: Any = payer.devnet.call("wallet/getaccount", {"address": newcomer, "visible": True})
    assert account["balance"] == 5


def test_usdt_activates_nobody(payer: Wallet, newcomer: str) -> None:
    pay(payer, newcomer)
    assert payer.devnet.call("wallet/getaccount", {"address": newcomer, "visible": True}) == {}


def test_a_simulation_tells_the_energy_that_is_then_charged(
    payer: Wallet, bob: str, newcomer: str, devnet: RunningDevnet
) -> None:
    for recipient in (bob, newcomer):
        simulated = devnet.call(
            "wallet/triggerconstantcontract",
            {
                "owner_address": payer.address,
                "contract_address": devnet.usdt,
                "data": encoding.usdt_transfer_data(recipient, ONE_USDT).hex(),
                "visible": True,
            },
        )
        assert simulated["energy_used"] == pay(payer, recipient)["receipt"]["energy_usage_total"]
