"""Chain parameters with mainnet's values of mid-2026, and the network totals that stakes are measured
against.
"""

from __future__ import annotations

from typing import Final

from payouts.devnet.state import Reader

DAY_MS: Final = 86_400_000

# Prices and fees in sun, in the order in which a node lists them. Zero is left out of an answer, as java-tron
# does.
DEFAULTS: Final[dict[str, int]] = {
    "getMaintenanceTimeInterval": 21_600_000,
    "getAccountUpgradeCost": 9_999_000_000,
    "getCreateAccountFee": 100_000,
    "getTransactionFee": 1_000,
    "getAssetIssueFee": 1_024_000_000,
    "getWitnessPayPerBlock": 8_000_000,
    "getCreateNewAccountFeeInSystemContract": 1_000_000,
    "getCreateNewAccountBandwidthRate": 1,
    "getAllowCreationOfContracts": 1,
    "getEnergyFee": 100,
    "getMaxCpuTimeOfOneTx": 80,
    "getTotalEnergyLimit": 180_000_000_000,
    "getTotalEnergyCurrentLimit": 180_000_000_000,
    "getAllowMultiSign": 1,
    "getUpdateAccountPermissionFee": 100_000_000,
    "getMultiSignFee": 1_000_000,
    "getFreeNetLimit": 600,
    "getTotalNetLimit": 43_200_000_000,
    "getMaxFeeLimit": 15_000_000_000,
    "getMemoFee": 1_000_000,
    "getAllowDynamicEnergy": 1,
    "getDynamicEnergyThreshold": 5_000_000_000,
    "getDynamicEnergyIncreaseFactor": 2_000,
    "getDynamicEnergyMaxFactor": 34_000,
    "getUnfreezeDelayDays": 14,
    "getMaxDelegateLockPeriod": 864_000,
    "getConsensusLogicOptimization": 1,
}

TOTAL_ENERGY_WEIGHT: Final = 19_000_000_000  # TRX staked for energy on the whole network
TOTAL_NET_WEIGHT: Final = 26_000_000_000  # TRX staked for bandwidth


def parameter(state: Reader, name: str) -> int:
    """A chain parameter's present value."""
    value: int = state.get(f"param:{name}", DEFAULTS.get(name, 0))
    return value


def energy_price(state: Reader) -> int:
    """Sun per unit of energy."""
    return parameter(state, "getEnergyFee")
