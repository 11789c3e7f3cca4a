"""USDT as a model of TetherToken: its quirks, its reverts, and the energy mainnet charges for it.

Amounts are base units (1 USDT = 1,000,000). Addresses are 42 hexadecimal digits, as the state's keys have
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from Crypto.Hash import keccak

from payouts.devnet.producers import FAUCET
from payouts.devnet.state import Reader, Writer
from payouts.devnet.transactions import Log
from payouts.tron import addresses
from payouts.tron.encoding import TRANSFER_TOPIC
from payouts.tron.networks import NETWORKS

SUPPLY: Final = 60_000_000_000 * 1_000_000
MAX_UINT: Final = (1 << 256) - 1

# Energy before the dynamic factor. The two for transfers are mainnet's; the others are of the same order.
TRANSFER_ENERGY: Final = 14_650
NEW_HOLDER_ENERGY: Final = 15_000  # writing a balance that was zero costs so much more
_FEE_ENERGY: Final = 7_000
_TRANSFER_FROM_ENERGY: Final = 20_000
_APPROVE_ENERGY: Final = 7_650
_VIEW_ENERGY: Final = 935
REVERT_ENERGY: Final = 3_200
# At mainnet's factor of 3.4 flooring per operation takes 175 off the penalty of 14,650 and of 29,650 alike.
_FLOORING: Final = 175
_MAX_FACTOR: Final = 34_000

_APPROVAL_TOPIC: Final = keccak.new(digest_bits=256, data=b"Approval(address,address,uint256)").digest()

SWITCHES: Final[dict[str, Any]] = {
    "contract": addresses.decode(NETWORKS["devnet"].usdt_contract).hex(),
    "paused": False,
    "deprecated": False,
    "upgraded_address": "41" + "00" * 20,
    "basis_points_rate": 0,
    "maximum_fee": 0,
    "owner": FAUCET.hex(),
    "supply": SUPPLY,
    "energy_factor": _MAX_FACTOR,
}


@dataclass(frozen=True)
class CallResult:
    """What a call returned; `energy` without the dynamic penalty."""

    output: bytes
    energy: int
    logs: tuple[Log, ...] = ()


class Revert(Exception):
    """The call reverted, without a reason as this contract's `require` gives none."""


def switch(state: Reader, name: str) -> Any:
    """A setting of the contract: paused, deprecated, fee, owner, supply, energy factor."""
    return state.get(f"token:{name}", SWITCHES[name])


def contract(state: Reader) -> bytes:
    """The 21-byte address the token lives at."""
    return bytes.fromhex(switch(state, "contract"))


def balance(state: Reader, address: str) -> int:
    """Base units held."""
    units: int = state.get(f"usdt:{address}", 0)
    return units


def is_blacklisted(state: Reader, address: str) -> bool:
    return bool(state.get(f"blacklisted:{address}", False))


def penalty(state: Reader, energy: int) -> int:
    """What the dynamic energy model adds while the contract is in demand."""
    factor: int = switch(state, "energy_factor")
    return max(0, energy * factor // 10_000 - _FLOORING * factor // _MAX_FACTOR)


def call(state: Writer, caller: str, data: bytes) -> CallResult:
    """Run one call. Raises `Revert`, before anything was changed."""
    function = _FUNCTIONS.get(data[:4])
    if function is None:
        raise Revert
    # Missing arguments read as zero, as call data does in the EVM.
    words = [data[at : at + 32].ljust(32, b"\0") for at in range(4, max(len(data), 4 + 96), 32)]
    return function(state, caller, words)


def _transfer(state: Writer, caller: str, words: list[bytes]) -> CallResult:
    if switch(state, "paused") or is_blacklisted(state, caller):
        raise Revert
    result = _move(state, caller, _address(words[0]), _number(words[1]))
    # The real contract has no return statement here: it answers false although it paid.
    return CallResult(bytes(32), TRANSFER_ENERGY + result.energy, result.logs)


def _transfer_from(state: Writer, caller: str, words: list[bytes]) -> CallResult:
    payer, recipient, value = _address(words[0]), _address(words[1]), _number(words[2])
    allowance = state.get(f"allowance:{payer}:{caller}", 0)
    if switch(state, "paused") or is_blacklisted(state, payer) or allowance < value:
        raise Revert
    result = _move(state, payer, recipient, value)
    if allowance < MAX_UINT:
        state.set(f"allowance:{payer}:{caller}", allowance - value)
    return CallResult(_word(1), _TRANSFER_FROM_ENERGY + result.energy, result.logs)


def _move(state: Writer, payer: str, recipient: str, value: int) -> CallResult:
    """Move tokens less the token's own fee; the energy returned is what comes on top of the call's own."""
    if not int(recipient[2:], 16) or balance(state, payer) < value:
        raise Revert
    fee = _fee(state, value)
    owner: str = switch(state, "owner")
    extra = NEW_HOLDER_ENERGY if value > fee and not balance(state, recipient) else 0
    _add(state, payer, -value)
    _add(state, recipient, value - fee)
    logs = [_transfer_log(state, payer, recipient, value - fee)]
    if fee:
        extra += _FEE_ENERGY + (0 if balance(state, owner) else NEW_HOLDER_ENERGY)
        _add(state, owner, fee)
        logs.append(_transfer_log(state, payer, owner, fee))
    return CallResult(b"", extra, tuple(logs))


def _approve(state: Writer, caller: str, words: list[bytes]) -> CallResult:
    spender, value = _address(words[0]), _number(words[1])
    key = f"allowance:{caller}:{spender}"
    # The real contract wants an allowance set to zero before it is changed.
    if switch(state, "paused") or (value and state.get(key, 0)):
        raise Revert
    state.set(key, value)
    topics = (_APPROVAL_TOPIC, _topic(caller), _topic(spender))
    log = Log(_emitter(state), topics, _word(value))
    return CallResult(_word(1), _APPROVE_ENERGY + (NEW_HOLDER_ENERGY if value else 0), (log,))


def _fee(state: Reader, value: int) -> int:
    rate: int = switch(state, "basis_points_rate")
    cap: int = switch(state, "maximum_fee")
    return min(value * rate // 10_000, cap)


def _add(state: Writer, address: str, amount: int) -> None:
    state.set(f"usdt:{address}", balance(state, address) + amount)


def _emitter(state: Reader) -> bytes:
    """The contract whose log it is: once deprecated, the call is forwarded to the upgraded one."""
    if not switch(state, "deprecated"):
        return contract(state)[1:]
    return bytes.fromhex(switch(state, "upgraded_address"))[1:]


def _transfer_log(state: Reader, payer: str, recipient: str, amount: int) -> Log:
    return Log(_emitter(state), (TRANSFER_TOPIC, _topic(payer), _topic(recipient)), _word(amount))


def _address(word: bytes) -> str:
    return "41" + word[12:].hex()


def _number(word: bytes) -> int:
    return int.from_bytes(word)


def _word(number: int) -> bytes:
    return int(number).to_bytes(32)


def _topic(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address)[1:]


def _text(value: str) -> bytes:
    return _word(32) + _word(len(value)) + value.encode().ljust(32, b"\0")


_Function = Callable[[Writer, str, list[bytes]], CallResult]
_View = Callable[[Reader, list[bytes]], bytes]

_VIEWS: Final[dict[str, _View]] = {
    "name()": lambda state, words: _text("Tether USD"),
    "symbol()": lambda state, words: _text("USDT"),
    "decimals()": lambda state, words: _word(6),
    "MAX_UINT()": lambda state, words: _word(MAX_UINT),
    "totalSupply()": lambda state, words: _word(switch(state, "supply")),
    "balanceOf(address)": lambda state, words: _word(balance(state, _address(words[0]))),
    "allowance(address,address)": lambda state, words: _word(
        state.get(f"allowance:{_address(words[0])}:{_address(words[1])}", 0)
    ),
    "isBlackListed(address)": lambda state, words: _word(is_blacklisted(state, _address(words[0]))),
    "getBlackListStatus(address)": lambda state, words: _word(is_blacklisted(state, _address(words[0]))),
    "paused()": lambda state, words: _word(switch(state, "paused")),
    "deprecated()": lambda state, words: _word(switch(state, "deprecated")),
    "upgradedAddress()": lambda state, words: _topic(switch(state, "upgraded_address")),
    "basisPointsRate()": lambda state, words: _word(switch(state, "basis_points_rate")),
    "maximumFee()": lambda state, words: _word(switch(state, "maximum_fee")),
    "calcFee(uint256)": lambda state, words: _word(_fee(state, _number(words[0]))),
    "owner()": lambda state, words: _topic(switch(state, "owner")),
    "getOwner()": lambda state, words: _topic(switch(state, "owner")),
}


def _viewing(view: _View) -> _Function:
    return lambda state, caller, words: CallResult(view(state, words), _VIEW_ENERGY)


def selector(signature: str) -> bytes:
    """The four bytes that name a function in call data."""
    return keccak.new(digest_bits=256, data=signature.encode()).digest()[:4]


_FUNCTIONS: Final[dict[bytes, _Function]] = {
    **{selector(signature): _viewing(view) for signature, view in _VIEWS.items()},
    selector("transfer(address,uint256)"): _transfer,
    selector("transferFrom(address,address,uint256)"): _transfer_from,
    selector("approve(address,uint256)"): _approve,
}
