"""Calls of smart contracts: energy allowance, the token's answer, and what a failure burns."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from payouts.devnet import resources, token
from payouts.devnet.accounts import ValidationError
from payouts.devnet.parameters import parameter
from payouts.devnet.state import Reader, Scratch, Writer
from payouts.devnet.transactions import Log
from payouts.tron.encoding import TriggerSmartContract

SUCCESS: Final = "SUCCESS"
REVERT: Final = "REVERT"
OUT_OF_ENERGY: Final = "OUT_OF_ENERGY"
# vm.maxEnergyLimitForConstant of java-tron: what a simulation may use.
CONSTANT_CALL_ENERGY: Final = 100_000_000


@dataclass(frozen=True)
class Run:
    """One call's end: how much energy it used, of which `penalty` for the contract being in demand."""

    contract_ret: str
    energy: int
    penalty: int = 0
    output: bytes = b""
    logs: tuple[Log, ...] = ()
    changes: Scratch | None = field(default=None, compare=False)

    @property
    def message(self) -> str:
        """What the node stores as resMessage."""
        if self.contract_ret == REVERT:
            return "REVERT opcode executed"
        if self.contract_ret == SUCCESS:
            return ""
        return (
            "Not enough energy for 'SSTORE' operation executing: "
            f"curInvokeEnergyLimit[{self.energy}], curOpEnergy[20000], usedEnergy[{self.energy}]"
        )


def check_contract(state: Reader, contract: bytes) -> None:
    """Raises `ValidationError` unless a contract lives at the address."""
    if contract != token.contract(state):
        raise ValidationError("No contract or not a smart contract")


def run(state: Reader, caller: str, data: bytes, allowance: int, *, forced: str | None = None) -> Run:
    """Run a call on a scratch over the state, within so much energy.

    `forced` makes it end in REVERT or OUT_OF_ENERGY whatever the state says, as the same call may in another
    block.
    """
    scratch = Scratch(state)
    contract_ret, energy = REVERT, token.REVERT_ENERGY
    result = None
    if forced != REVERT:
        with suppress(token.Revert):
            result = token.call(scratch, caller, data)
            contract_ret, energy = SUCCESS, result.energy
    penalty = token.penalty(state, energy)
    if forced == OUT_OF_ENERGY or energy + penalty > allowance:
        return Run(OUT_OF_ENERGY, allowance, min(penalty, allowance))
    if result is None:
        return Run(contract_ret, energy + penalty, penalty)
    return Run(contract_ret, energy + penalty, penalty, result.output, result.logs, scratch)


def execute(
    state: Writer, contract: TriggerSmartContract, fee_limit: int, now_ms: int, forced: str | None
) -> tuple[Run, int, int]:
    """Run a call for good; returns it with the energy taken from stake and the sun burned for the rest.

    Raises `ValidationError` for what java-tron refuses without a charge.
    """
    owner = contract.owner_address.hex()
    check_contract(state, contract.contract_address)
    highest = parameter(state, "getMaxFeeLimit")
    if not 0 <= fee_limit <= highest:
        raise ValidationError(f"feeLimit must be >= 0 and <= {highest}")
    # The real contract's functions aren't payable: sending TRX along reverts.
    outcome = REVERT if contract.call_value and forced is None else forced
    allowance = resources.energy_allowance(state, owner, fee_limit, contract.call_value, now_ms)
    ended = run(state, owner, contract.data, allowance, forced=outcome)
    if ended.changes is not None:
        ended.changes.commit(state)
    usage, burned = resources.pay_energy(state, owner, ended.energy, now_ms)
    return ended, usage, burned
