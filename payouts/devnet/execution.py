"""Executing one transaction: bandwidth, extra fees, then the contract, in java-tron's order."""

from __future__ import annotations

from payouts.devnet import accounts, resources, token, vm
from payouts.devnet.accounts import ValidationError
from payouts.devnet.parameters import parameter
from payouts.devnet.producers import FAUCET
from payouts.devnet.resources import SUN_PER_TRX
from payouts.devnet.state import Reader, Scratch, Writer
from payouts.devnet.transactions import Outcome, SignedTransaction
from payouts.tron import addresses, encoding
from payouts.tron.encoding import (
    DelegateResource,
    FreezeBalanceV2,
    Resource,
    TransferContract,
    TriggerSmartContract,
)
from payouts.tron.encoding.messages import AnyContract


class ExecutionError(Exception):
    """java-tron's ContractExeException (broadcast answers CONTRACT_EXE_ERROR)."""


def execute(
    state: Writer, transaction: SignedTransaction, now_ms: int, *, forced: str | None = None
) -> Outcome:
    """Execute on the state, all or nothing.

    Raises `ResourceError`, `ValidationError` or `ExecutionError` when a node would refuse the transaction;
    nothing is changed then. A call that reverts or runs out of energy isn't refused: it is charged, and its
    outcome says so.
    """
    scratch = Scratch(state)
    outcome = _execute(scratch, transaction, now_ms, forced)
    scratch.commit(state)
    return outcome


def _execute(state: Writer, transaction: SignedTransaction, now_ms: int, forced: str | None) -> Outcome:
    contract = transaction.raw.contract
    owner = transaction.owner
    if not accounts.is_activated(state, owner):
        raise ValidationError(f"account [{addresses.encode(contract.owner_address)}] does not exist")
    net_usage, net_fee = _pay_bandwidth(state, transaction, now_ms)
    extra_fee = _pay_extra_fees(state, transaction)
    if isinstance(contract, TriggerSmartContract):
        return _call(state, transaction, contract, now_ms, forced, (net_usage, net_fee, extra_fee))
    extra_fee += _system_contract(state, contract, now_ms)
    return Outcome(vm.SUCCESS, fee=net_fee + extra_fee, net_usage=net_usage, net_fee=net_fee)


def validate(state: Reader, contract: AnyContract, now_ms: int) -> None:
    """Raises `ValidationError` if the contract would be refused now, its bandwidth apart."""
    if not accounts.is_activated(state, contract.owner_address.hex()):
        raise ValidationError(f"Validate {contract.NAME} error, no OwnerAccount.")
    if not isinstance(contract, TriggerSmartContract):
        _system_contract(Scratch(state), contract, now_ms)


def _system_contract(
    state: Writer, contract: TransferContract | FreezeBalanceV2 | DelegateResource, now_ms: int
) -> int:
    """Execute what needs no virtual machine; returns the fee in sun beyond bandwidth."""
    match contract:
        case TransferContract():
            return _transfer(state, contract, now_ms)
        case FreezeBalanceV2():
            _freeze(state, contract)
        case DelegateResource():
            _delegate(state, contract)
    return 0


def _pay_bandwidth(state: Writer, transaction: SignedTransaction, now_ms: int) -> tuple[int, int]:
    points = encoding.bandwidth_points(transaction.raw_data, len(transaction.signatures))
    contract = transaction.raw.contract
    if isinstance(contract, TransferContract) and not accounts.is_activated(state, contract.to_address.hex()):
        return resources.pay_bandwidth_of_activation(state, transaction.owner, points, now_ms)
    return resources.pay_bandwidth(state, transaction.owner, points, now_ms)


def _pay_extra_fees(state: Writer, transaction: SignedTransaction) -> int:
    fee = 0
    if len(transaction.signatures) > 1:
        fee += parameter(state, "getMultiSignFee")
    if transaction.raw.data:
        fee += parameter(state, "getMemoFee")
    resources.burn(state, transaction.owner, fee)
    return fee


def _call(
    state: Writer,
    transaction: SignedTransaction,
    contract: TriggerSmartContract,
    now_ms: int,
    forced: str | None,
    paid: tuple[int, int, int],
) -> Outcome:
    net_usage, net_fee, extra_fee = paid
    try:
        run, energy_usage, energy_fee = vm.execute(state, contract, transaction.raw.fee_limit, now_ms, forced)
    except resources.ResourceError as error:
        raise ExecutionError(str(error)) from error
    return Outcome(
        run.contract_ret,
        fee=net_fee + extra_fee + energy_fee,
        net_usage=net_usage,
        net_fee=net_fee,
        energy_usage=energy_usage,
        energy_fee=energy_fee,
        energy_usage_total=run.energy,
        energy_penalty=run.penalty,
        contract_result=run.output,
        contract_address=contract.contract_address.hex(),
        logs=run.logs,
        message=run.message,
    )


def _transfer(state: Writer, contract: TransferContract, now_ms: int) -> int:
    """Move TRX; returns the fee for activating the recipient."""
    owner, recipient = contract.owner_address.hex(), contract.to_address.hex()
    if len(contract.to_address) != addresses.RAW_LENGTH or contract.to_address[0] != addresses.VERSION:
        raise ValidationError("Invalid toAddress!")
    if owner == recipient:
        raise ValidationError("Cannot transfer TRX to yourself.")
    if contract.amount <= 0:
        raise ValidationError("Amount must be greater than 0.")
    if contract.to_address == token.contract(state):
        raise ValidationError("Cannot transfer TRX to a smartContract.")
    fee = 0
    if not accounts.is_activated(state, recipient):
        fee = parameter(state, "getCreateNewAccountFeeInSystemContract")
    if accounts.trx(state, owner) < contract.amount + fee:
        raise ValidationError("Validate TransferContract error, balance is not sufficient.")
    if fee:
        accounts.activate(state, recipient, now_ms)
    accounts.add_trx(state, owner, -contract.amount - fee)
    accounts.add_trx(state, recipient, contract.amount)
    return fee


def _freeze(state: Writer, contract: FreezeBalanceV2) -> None:
    owner = contract.owner_address.hex()
    if contract.frozen_balance < SUN_PER_TRX:
        raise ValidationError("frozenBalance must be greater than or equal to 1 TRX")
    if contract.frozen_balance > accounts.trx(state, owner):
        raise ValidationError("frozenBalance must be less than or equal to accountBalance")
    accounts.add_trx(state, owner, -contract.frozen_balance)
    resources.add_stake(state, owner, contract.resource, contract.frozen_balance)


def _delegate(state: Writer, contract: DelegateResource) -> None:
    owner, receiver = contract.owner_address.hex(), contract.receiver_address.hex()
    if contract.resource is Resource.TRON_POWER:
        raise ValidationError("ResourceCode error, valid ResourceCode[BANDWIDTH、ENERGY]")
    if contract.balance < SUN_PER_TRX:
        raise ValidationError("delegateBalance must be greater than or equal to 1 TRX")
    if owner == receiver:
        raise ValidationError("receiverAddress must not be the same as ownerAddress")
    if not accounts.is_activated(state, receiver):
        raise ValidationError(f"Account[{receiver}] does not exist")
    free = resources.stake(state, owner, contract.resource)
    free -= resources.stake(state, owner, contract.resource, "lent")
    if contract.balance > free:
        raise ValidationError("delegateBalance must be less than or equal to available FreezeV2 balance")
    resources.add_stake(state, owner, contract.resource, contract.balance, "lent")
    resources.add_stake(state, receiver, contract.resource, contract.balance, "borrowed")


def genesis(state: Writer, now_ms: int) -> None:
    """The state before the first block: the faucet owns all TRX and all USDT."""
    accounts.activate(state, FAUCET.hex(), now_ms)
    accounts.add_trx(state, FAUCET.hex(), 100_000_000_000 * SUN_PER_TRX)
    state.set(f"usdt:{FAUCET.hex()}", token.SUPPLY)
