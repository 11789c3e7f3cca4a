"""Answers of `triggerconstantcontract`: a contract's function run on a node, changing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from payouts.tron.answers import MAX_ENERGY, Simulation
from payouts.tron.errors import BadAnswer, NodeReportedError
from payouts.tron.reading import decode_hex, integer, mapping, message, sequence, word


def parse_simulation(value: object) -> Simulation:
    """Whether the call would go through, and its energy.

    A revert is an answer (`ok` False); a code such as CONTRACT_VALIDATE_ERROR means that the node couldn't
    try, and raises `NodeReportedError`: nobody's payout is judged by that.
    """
    source = mapping(value, "simulation")
    result = _checked_result(source)
    energy = integer(source, "energy_used", high=MAX_ENERGY, default=0)
    reason = message(result, "message")
    if _failed(source) or reason:
        return Simulation(False, energy, reason or "The transfer would fail.")
    if not energy:
        raise BadAnswer("NO_ENERGY", "The node says that the call costs no energy.")
    return Simulation(True, energy, "")


def parse_number(value: object, *, high: int) -> int:
    """The one 32-byte number that a view function returned, at most `high`."""
    source = mapping(value, "call")
    result = _checked_result(source)
    if _failed(source):
        raise NodeReportedError("REVERT", f"The contract refused the call: {message(result, 'message')}")
    returned = sequence(source.get("constant_result"), "constant result", limit=1)
    if not returned:
        raise BadAnswer("NO_RESULT", "The contract returned nothing.")
    number = int.from_bytes(decode_hex(returned[0], "constant result", length=32))
    if number > high:
        raise BadAnswer("OUT_OF_BOUNDS", f"The contract returned a number above {high}.")
    return number


def _checked_result(source: Mapping[str, Any]) -> Mapping[str, Any]:
    result = mapping(source.get("result"), "result")
    if result.get("result") is not True:
        code = word(result, "code") or "NO_RESULT"
        raise NodeReportedError(code, f"The node couldn't run the call: {message(result, 'message') or code}")
    return result


def _failed(source: Mapping[str, Any]) -> bool:
    transaction = mapping(source.get("transaction", {}), "transaction")
    results = sequence(transaction.get("ret"), "ret", limit=10)
    return bool(results) and word(mapping(results[0], "ret"), "ret") == "FAILED"
