"""What a transfer may cost and will cost, in sun, by the formulas of TRON's resource model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from payouts.tron.answers import ChainParameters, Resources, Simulation

MARGIN: Final = Fraction(12, 10)


class FeeTooHigh(Exception):
    """A transfer would need a fee limit above what we, or the network, allow. Both in sun."""

    def __init__(self, needed_sun: int, cap_sun: int) -> None:
        super().__init__(needed_sun, cap_sun)
        self.needed_sun = needed_sun
        self.cap_sun = cap_sun

    def __str__(self) -> str:
        return f"The transfer needs a fee limit of {self.needed_sun} sun; the cap is {self.cap_sun} sun."


@dataclass(frozen=True, slots=True)
class FeeQuote:
    """`fee_limit_sun` goes into the transaction; `predicted_burn_sun` is the TRX expected to be burned."""

    energy: int
    fee_limit_sun: int
    predicted_burn_sun: int


def quote(
    simulation: Simulation,
    resources: Resources,
    parameters: ChainParameters,
    *,
    bandwidth: int,
    cap_sun: int,
    signatures: int = 1,
) -> FeeQuote:
    """The fees of a transfer that was simulated. `bandwidth` in points. Raises `FeeTooHigh`."""
    return FeeQuote(
        simulation.energy,
        fee_limit(simulation.energy, parameters, cap_sun=cap_sun),
        predicted_burn(simulation.energy, resources, parameters, bandwidth=bandwidth, signatures=signatures),
    )


def fee_limit(energy: int, parameters: ChainParameters, *, cap_sun: int, margin: Fraction = MARGIN) -> int:
    """The fee limit in sun for this much energy. Raises `FeeTooHigh` beyond our cap or the network's.

    Staked energy doesn't lower it: the limit caps all energy a transaction uses, burned or not. The margin is
    for a recipient emptied, or a dynamic energy factor risen, between simulation and inclusion.
    """
    needed = energy * parameters.energy_price_sun * margin
    needed_sun = -(-needed.numerator // needed.denominator)
    cap_sun = min(cap_sun, parameters.max_fee_limit_sun)
    if needed_sun > cap_sun:
        raise FeeTooHigh(needed_sun, cap_sun)
    return needed_sun


def predicted_burn(
    energy: int, resources: Resources, parameters: ChainParameters, *, bandwidth: int, signatures: int = 1
) -> int:
    """Sun burned if the transfer were included now.

    Energy is paid from what is left and only the rest is burned; bandwidth comes wholly from the stake, else
    wholly from the free allowance, else wholly from TRX.
    """
    burned_energy = max(0, energy - resources.energy_left)
    covered = bandwidth <= max(resources.staked_bandwidth_left, resources.free_bandwidth_left)
    return (
        burned_energy * parameters.energy_price_sun
        + (0 if covered else bandwidth * parameters.bandwidth_price_sun)
        + (parameters.multi_sign_fee_sun if signatures > 1 else 0)
    )


class ParameterCache:
    """Chain parameters read through `read` at most every `seconds` of `clock`, which may be set back.

    A failed read raises and keeps nothing: a price that may be out of date isn't used.
    """

    def __init__(
        self, read: Callable[[], ChainParameters], *, seconds: float, clock: Callable[[], float]
    ) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[float, ChainParameters] | None = None

    def get(self) -> ChainParameters:
        """The parameters, at most `seconds` old. Raises what `read` raises."""
        with self._lock:
            now = self._clock()
            if self._held is None or not 0 <= now - self._held[0] < self._seconds:
                self._held = (now, self._read())
            return self._held[1]
