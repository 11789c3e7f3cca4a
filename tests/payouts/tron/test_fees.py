"""Fees by real transfers: 64,285 energy to a holder, 130,285 to a newcomer, bandwidth 345."""

from __future__ import annotations

import pytest

from payouts.tron.answers import ChainParameters, Resources, Simulation
from payouts.tron.fees import FeeTooHigh, ParameterCache, fee_limit, predicted_burn, quote

HOLDER, NEWCOMER, BANDWIDTH = 64_285, 130_285, 345
NOTHING = Resources(0, 0, 0)


def parameters(**changes: int) -> ChainParameters:
    values = {
        "energy_price_sun": 100,
        "bandwidth_price_sun": 1_000,
        "max_fee_limit_sun": 15_000_000_000,
        "multi_sign_fee_sun": 1_000_000,
        "memo_fee_sun": 1_000_000,
        "free_bandwidth": 600,
    }
    return ChainParameters(**values | changes)


def test_the_limit_is_the_estimate_with_a_fifth_more() -> None:
    assert fee_limit(NEWCOMER, parameters(), cap_sun=20_000_000) == 15_634_200


def test_the_limit_is_rounded_up() -> None:
    assert fee_limit(1, parameters(energy_price_sun=1), cap_sun=10) == 2


def test_a_limit_at_the_cap_is_allowed_and_one_sun_more_is_not() -> None:
    assert fee_limit(NEWCOMER, parameters(), cap_sun=15_634_200) == 15_634_200
    with pytest.raises(FeeTooHigh):
        fee_limit(NEWCOMER, parameters(), cap_sun=15_634_199)


def test_the_networks_own_maximum_caps_too() -> None:
    with pytest.raises(FeeTooHigh) as refusal:
        fee_limit(NEWCOMER, parameters(max_fee_limit_sun=10_000_000), cap_sun=20_000_000)
    assert refusal.value.cap_sun == 10_000_000


def test_staked_energy_does_not_lower_the_limit() -> None:
    rich = Resources(energy_left=10**9, staked_bandwidth_left=10**6, free_bandwidth_left=600)
    simulated = Simulation(True, NEWCOMER, "")
    quoted = quote(simulated, rich, parameters(), bandwidth=BANDWIDTH, cap_sun=20_000_000)
    assert (quoted.fee_limit_sun, quoted.predicted_burn_sun) == (15_634_200, 0)


@pytest.mark.parametrize(
    ("energy", "resources", "burn"),
    [
        (HOLDER, NOTHING, 6_773_500),
        (NEWCOMER, NOTHING, 13_373_500),
        (HOLDER, Resources(0, 0, 600), 6_428_500),
        (HOLDER, Resources(60_000, 0, 600), 428_500),
        (HOLDER, Resources(65_000, 345, 0), 0),
        # Bandwidth is paid from one source whole, never pieced together.
        (HOLDER, Resources(65_000, 344, 344), 345_000),
    ],
)
def test_what_is_burned(energy: int, resources: Resources, burn: int) -> None:
    assert predicted_burn(energy, resources, parameters(), bandwidth=BANDWIDTH) == burn


def test_a_second_signature_costs_its_fee() -> None:
    burn = predicted_burn(HOLDER, NOTHING, parameters(), bandwidth=BANDWIDTH + 67, signatures=2)
    assert burn == 6_428_500 + 412_000 + 1_000_000


def test_parameters_are_read_again_only_when_old() -> None:
    now = [0.0]
    reads: list[float] = []

    def read() -> ChainParameters:
        reads.append(now[0])
        return parameters()

    cache = ParameterCache(read, seconds=60, clock=lambda: now[0])
    for now[0] in (0.0, 59.9, 60.0, 61.0):
        cache.get()
    assert reads == [0.0, 60.0]


def test_parameters_of_a_time_to_come_are_old() -> None:
    now = [600.0]
    reads: list[float] = []

    def read() -> ChainParameters:
        reads.append(now[0])
        return parameters()

    cache = ParameterCache(read, seconds=60, clock=lambda: now[0])
    for now[0] in (600.0, 0.0):
        cache.get()
    assert reads == [600.0, 0.0]


def test_prices_too_old_are_not_used_when_reading_fails() -> None:
    now = [0.0]
    broken: list[bool] = []

    def read() -> ChainParameters:
        if broken:
            raise ConnectionError
        return parameters()

    cache = ParameterCache(read, seconds=60, clock=lambda: now[0])
    cache.get()
    broken.append(True)
    now[0] = 60.0
    with pytest.raises(ConnectionError):
        cache.get()
