"""The control API under /_devnet/ on every node's port: JSON in, JSON out, 400 with {"error"} for a bad
request.

| request | body or query | does |
| --- | --- | --- |
| GET state | | clock, heads, solid, pool, token switches, nodes |
| POST step | {"blocks": n} or {"seconds": s, "fill": false} | n blocks, or s seconds |
| POST clock | {"clock": "live" or "manual"}, {"now_ms": t, "fill": false} | how time runs |
| POST fund | {"address", "trx_sun"?, "usdt"?, "mine": false} | real payments |
| POST stake | {"address", "trx_sun", "resource": "ENERGY", "mine": false} | lends the yield |
| GET balances | ?address= | TRX, USDT, energy, at the head and solid |
| GET transfers | ?from=&to= | the books: every executed Transfer |
| GET, DELETE calls | | API calls by node and endpoint; reset |
| GET, POST, DELETE faults | {"fault", "endpoint", "node", "calls", ...}; ?id= | see `faults` |
| POST token | switches of `token.SWITCHES`, "blacklist": [...], "unblacklist": [...] | USDT's own quirks |
| POST parameters | {"getEnergyFee": 210, ...} | chain parameters |
| POST permissions | {"address", "owner": {...}, "actives": [...]} | multi-signature |
| POST reorg | {"blocks", "return", "drop", "result": {txid: ret}, "node"?} | replaces the last blocks |
| POST result | {"txid", "result": "REVERT", "OUT_OF_ENERGY" or null} | what executing it will give |
| POST stall | {"stalled": true} | solidification stops or goes on |
| POST lag | {"node", "blocks"} | a node shows the chain of so many blocks ago |
| POST fork | {"node", "blocks": 0, "return", "heal": false} | a branch of its own, or back |
| POST node | {"node", "online", "latency_ms", "trx_cache", "max_pending"} | a node's settings, those given |
| POST latency | {"milliseconds", "node"?} | slept before each answer |
| POST snapshot | {"path"?} | saves to the path, or to the one given at the start |
| POST reset | {"now_ms"?, "check_tapos": true} | a new chain, no faults, counters at zero |
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

from payouts.devnet import books, faucet, reorganisation, token, vm
from payouts.devnet.chain import Chain
from payouts.devnet.devnet import Devnet
from payouts.devnet.misbehaviour import Reply
from payouts.devnet.parameters import DEFAULTS, parameter
from payouts.devnet.requests import Request
from payouts.tron import addresses
from payouts.tron.encoding import Resource

ROOT: Final = "_devnet"
_Action = Callable[[Devnet, Request], Any]
_FAULT_FIELDS: Final = frozenset({"fault", "endpoint", "node", "calls"})


class BadRequest(ValueError):
    """A control request that can't be done; the message says why."""


def answer(devnet: Devnet, method: str, name: str, request: Request) -> Reply:
    """Do what a control request asks."""
    action = _ACTIONS.get((method, name))
    if action is None:
        return Reply.of({"error": f"there is no {method} /{ROOT}/{name}"}, 404)
    try:
        with devnet.lock:
            return Reply.of(action(devnet, request))
    except KeyError as error:
        return Reply.of({"error": f"{error.args[0]} is missing or unknown"}, 400)
    except (TypeError, ValueError, IndexError, OSError) as error:
        return Reply.of({"error": str(error)}, 400)


def _state(devnet: Devnet, request: Request) -> Any:
    return books.state(devnet, devnet.offline)


def _step(devnet: Devnet, request: Request) -> Any:
    if "blocks" in request:
        devnet.step_blocks(int(request["blocks"]))
    else:
        seconds = float(request["seconds"])
        devnet.advance_to(
            devnet.clock.now_ms() + round(seconds * 1000), fill=bool(request.get("fill", False))
        )
    return _state(devnet, request)


def _clock(devnet: Devnet, request: Request) -> Any:
    mode = request.get("clock")
    if mode not in (None, "live", "manual"):
        raise BadRequest("clock is live or manual")
    if "now_ms" in request:
        if int(request["now_ms"]) < devnet.clock.now_ms():
            raise BadRequest("time doesn't go back")
        devnet.advance_to(int(request["now_ms"]), fill=bool(request.get("fill", False)))
    if mode == "live":
        devnet.clock.run()
    elif mode == "manual":
        devnet.clock.stand()
    return _state(devnet, request)


def _fund(devnet: Devnet, request: Request) -> Any:
    recipient = addresses.decode(request["address"])
    txids = []
    if request.get("trx_sun"):
        txids.append(faucet.send_trx(devnet, recipient, int(request["trx_sun"])))
    if request.get("usdt"):
        txids.append(faucet.send_usdt(devnet, recipient, int(request["usdt"])))
    return _mined(devnet, request, txids)


def _stake(devnet: Devnet, request: Request) -> Any:
    receiver = addresses.decode(request["address"])
    resource = Resource[request.get("resource", "ENERGY")]
    return _mined(devnet, request, faucet.stake_for(devnet, receiver, resource, int(request["trx_sun"])))


def _mined(devnet: Devnet, request: Request, txids: list[str]) -> Any:
    if request.get("mine"):
        devnet.step_blocks(1)
    return {"txids": txids}


def _balances(devnet: Devnet, request: Request) -> Any:
    return books.balances(devnet, addresses.decode(request["address"]))


def _transfers(devnet: Devnet, request: Request) -> Any:
    payer, recipient = (
        addresses.decode(request[name]) if name in request else None for name in ("from", "to")
    )
    return {"transfers": books.transfers(devnet.chain, payer=payer, recipient=recipient)}


def _calls(devnet: Devnet, request: Request) -> Any:
    return {"calls": devnet.counted_calls()}


def _forget_calls(devnet: Devnet, request: Request) -> Any:
    devnet.calls.clear()
    return {}


def _faults(devnet: Devnet, request: Request) -> Any:
    return {"faults": [fault.to_json() for fault in devnet.faults.all()]}


def _add_fault(devnet: Devnet, request: Request) -> Any:
    node, calls = request.get("node"), request.get("calls")
    if node is not None:
        devnet.nodes[int(node)]
    others = {name: value for name, value in request.items() if name not in _FAULT_FIELDS}
    fault = devnet.faults.add(request["fault"], str(request["endpoint"]), node, calls, others)
    return fault.to_json()


def _clear_faults(devnet: Devnet, request: Request) -> Any:
    devnet.faults.clear(int(request["id"]) if "id" in request else None)
    return {}


def _token(devnet: Devnet, request: Request) -> Any:
    changes: dict[str, Any] = {}
    for name, value in request.items():
        if name in ("blacklist", "unblacklist"):
            for text in value:
                changes[f"blacklisted:{addresses.decode(text).hex()}"] = name == "blacklist"
        elif name in ("contract", "owner", "upgraded_address"):
            changes[f"token:{name}"] = addresses.decode(value).hex()
        elif name in token.SWITCHES:
            changes[f"token:{name}"] = type(token.SWITCHES[name])(value)
        else:
            raise BadRequest(f"the token has no switch {name}")
    _set_everywhere(devnet, changes)
    return _state(devnet, request)["token"]


def _parameters(devnet: Devnet, request: Request) -> Any:
    unknown = request.keys() - DEFAULTS.keys()
    if unknown:
        raise BadRequest(f"there is no chain parameter {min(unknown)}")
    state = devnet.chain.state
    changes: dict[str, Any] = {}
    for name, value in request.items():
        changes[f"param:{name}"] = int(value)
        history = state.get(f"prices:{name}", [[0, parameter(state, name)]])
        changes[f"prices:{name}"] = [*history, [devnet.clock.now_ms(), int(value)]]
    _set_everywhere(devnet, changes)
    return {name: parameter(state, name) for name in DEFAULTS}


def _permissions(devnet: Devnet, request: Request) -> Any:
    def stored(permission: dict[str, Any]) -> dict[str, Any]:
        keys = [
            {"address": addresses.decode(key["address"]).hex(), "weight": int(key["weight"])}
            for key in permission["keys"]
        ]
        return {**permission, "threshold": int(permission["threshold"]), "keys": keys}

    key = addresses.decode(request["address"]).hex()
    owner = {"permission_name": "owner", **stored(request["owner"])}
    actives = [
        {"type": "Active", "id": number, "permission_name": f"active{number}", **stored(active)}
        for number, active in enumerate(request.get("actives", []), start=2)
    ]
    for active in actives:
        if len(bytes.fromhex(active["operations"])) != 32:
            raise BadRequest("operations is 32 bytes in hexadecimal")
    _set_everywhere(devnet, {f"permissions:{key}": {"owner": owner, "actives": actives}})
    return {}


def _set_everywhere(devnet: Devnet, changes: dict[str, Any]) -> None:
    """Outside any block: neither a reorganisation nor an older view takes it back."""
    for chain in devnet.chains():
        with chain.without_pool():
            for name, value in changes.items():
                chain.state.set(name, value)


def _reorg(devnet: Devnet, request: Request) -> Any:
    chain = devnet.nodes[int(request["node"])].chain if "node" in request else devnet.chain
    done = _reorganise(devnet, chain, request)
    devnet.clock.advance_to(chain.head.timestamp)
    return {"first_replaced": done.first_replaced, "popped": done.popped}


def _reorganise(devnet: Devnet, chain: Chain, request: Request) -> reorganisation.Reorganisation:
    returning = request.get("return", "first")
    if returning not in get_args(reorganisation.Return):
        raise BadRequest(f"return is one of {', '.join(get_args(reorganisation.Return))}")
    return reorganisation.reorganise(
        chain,
        int(request["blocks"]),
        now_ms=devnet.clock.now_ms(),
        returning=returning,
        dropped=request.get("drop", ()),
        forced=request.get("result"),
    )


def _result(devnet: Devnet, request: Request) -> Any:
    result = request["result"]
    if result not in (None, vm.REVERT, vm.OUT_OF_ENERGY):
        raise BadRequest("result is REVERT, OUT_OF_ENERGY or null")
    for chain in devnet.chains():
        if result is None:
            chain.forced.pop(request["txid"], None)
        else:
            chain.forced[request["txid"]] = result
    return {}


def _stall(devnet: Devnet, request: Request) -> Any:
    for chain in devnet.chains():
        chain.stalled = bool(request["stalled"])
        chain.advance_solid()
    return _state(devnet, request)


def _lag(devnet: Devnet, request: Request) -> Any:
    devnet.nodes[int(request["node"])].lag = int(request["blocks"])
    return _state(devnet, request)


def _fork(devnet: Devnet, request: Request) -> Any:
    node = int(request["node"])
    if request.get("heal"):
        devnet.heal(node)
    else:
        chain = devnet.fork(node)
        if request.get("blocks"):
            _reorganise(devnet, chain, request)
    return _state(devnet, request)


def _node(devnet: Devnet, request: Request) -> Any:
    node = devnet.nodes[int(request["node"])]
    node.latency_ms = int(request.get("latency_ms", node.latency_ms))
    node.trx_cache = bool(request.get("trx_cache", node.trx_cache))
    node.max_pending = int(request.get("max_pending", node.max_pending))
    if "online" in request:
        devnet.set_online(node.index, bool(request["online"]))
    return _state(devnet, request)


def _latency(devnet: Devnet, request: Request) -> Any:
    for node in devnet.nodes:
        if request.get("node") in (None, node.index):
            node.latency_ms = int(request["milliseconds"])
    return _state(devnet, request)


def _snapshot(devnet: Devnet, request: Request) -> Any:
    path = Path(request["path"]) if "path" in request else devnet.options.snapshot
    if path is None:
        raise BadRequest("no path: the devnet was started without --snapshot")
    devnet.save(path)
    return {"path": str(path)}


def _reset(devnet: Devnet, request: Request) -> Any:
    now_ms = None if request.get("now_ms") is None else int(request["now_ms"])
    for node in list(devnet.offline):
        devnet.set_online(node, True)
    devnet.reset(now_ms, check_tapos=bool(request.get("check_tapos", True)))
    return _state(devnet, request)


_ACTIONS: Final[dict[tuple[str, str], _Action]] = {
    ("GET", "state"): _state,
    ("POST", "step"): _step,
    ("POST", "clock"): _clock,
    ("POST", "fund"): _fund,
    ("POST", "stake"): _stake,
    ("GET", "balances"): _balances,
    ("GET", "transfers"): _transfers,
    ("GET", "calls"): _calls,
    ("DELETE", "calls"): _forget_calls,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "token"): _token,
    ("POST", "parameters"): _parameters,
    ("POST", "permissions"): _permissions,
    ("POST", "reorg"): _reorg,
    ("POST", "result"): _result,
    ("POST", "stall"): _stall,
    ("POST", "lag"): _lag,
    ("POST", "fork"): _fork,
    ("POST", "node"): _node,
    ("POST", "latency"): _latency,
    ("POST", "snapshot"): _snapshot,
    ("POST", "reset"): _reset,
}
