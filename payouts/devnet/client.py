"""The control API from Python, for tests, the demo and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests


class DevnetError(RuntimeError):
    """The devnet refused a control request; the message says why."""


class DevnetControl:
    """One devnet. Amounts in base units and sun, instants in ms UTC; see `control` for every request.

    `proxy` is empty, or a `socks5h://` one for a devnet that stands elsewhere.
    """

    def __init__(self, url: str, *, timeout: float = 30, proxy: str = "") -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        # A proxy of the environment must not stand between us and loopback.
        self._session.trust_env = False
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}

    def close(self) -> None:
        self._session.close()

    def state(self) -> dict[str, Any]:
        return self._get("state")

    def now_ms(self) -> int:
        """The chain's time."""
        now: int = self.state()["clock"]["now_ms"]
        return now

    def step(
        self, *, blocks: int | None = None, seconds: float | None = None, fill: bool = False
    ) -> dict[str, Any]:
        """So many blocks; or so many seconds, with empty slots and one block at the end unless `fill`."""
        if blocks is not None:
            return self._post("step", blocks=blocks)
        return self._post("step", seconds=seconds, fill=fill)

    def step_until_solid(self) -> dict[str, Any]:
        """Enough blocks to put what is pending into a block and make that block final."""
        return self.step(blocks=19)

    def clock(
        self, mode: str | None = None, *, now_ms: int | None = None, fill: bool = False
    ) -> dict[str, Any]:
        """`live` or `manual`; `now_ms` moves forward to an instant."""
        forward = {} if now_ms is None else {"now_ms": now_ms, "fill": fill}
        return self._post("clock", **({"clock": mode} if mode else {}), **forward)

    def fund(self, address: str, *, trx_sun: int = 0, usdt: int = 0, mine: bool = False) -> list[str]:
        """Pay from the faucet; returns the txids. TRX first: it activates the account."""
        txids: list[str] = self._post("fund", address=address, trx_sun=trx_sun, usdt=usdt, mine=mine)["txids"]
        return txids

    def stake(self, address: str, *, trx_sun: int, resource: str = "ENERGY", mine: bool = False) -> list[str]:
        """Lend an activated address what so much stake yields; returns the txids."""
        answer = self._post("stake", address=address, trx_sun=trx_sun, resource=resource, mine=mine)
        txids: list[str] = answer["txids"]
        return txids

    def balances(self, address: str) -> dict[str, Any]:
        return self._get("balances", address=address)

    def transfers(self, *, payer: str | None = None, recipient: str | None = None) -> list[dict[str, Any]]:
        """Every executed Transfer in the order of the chain."""
        query = {name: value for name, value in (("from", payer), ("to", recipient)) if value}
        rows: list[dict[str, Any]] = self._get("transfers", **query)["transfers"]
        return rows

    def calls(self, *, node: int | None = None) -> dict[str, int]:
        """API calls by endpoint, of one node or of all together."""
        counted: dict[str, int] = {}
        for row in self._get("calls")["calls"]:
            if node in (None, row["node"]):
                counted[row["endpoint"]] = counted.get(row["endpoint"], 0) + row["calls"]
        return counted

    def reset_calls(self) -> None:
        self._request("DELETE", "calls")

    def fault(
        self,
        kind: str,
        endpoint: str = "*",
        *,
        node: int | None = None,
        calls: int | None = None,
        **parameters: Any,
    ) -> int:
        """Set a fault of `faults` for the next `calls` calls, or until cleared; returns its id."""
        body = {"fault": kind, "endpoint": endpoint, "node": node, "calls": calls, **parameters}
        fault_id: int = self._post("faults", **body)["id"]
        return fault_id

    def faults(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self._get("faults")["faults"]
        return listed

    def clear_faults(self, fault_id: int | None = None) -> None:
        self._request("DELETE", "faults", params={} if fault_id is None else {"id": fault_id})

    def token(self, **switches: Any) -> dict[str, Any]:
        """Set some of `token.SWITCHES`; `blacklist` and `unblacklist` take lists of addresses."""
        return self._post("token", **switches)

    def parameters(self, **values: int) -> dict[str, Any]:
        return self._post("parameters", **values)

    def permissions(
        self, address: str, *, owner: dict[str, Any], actives: Sequence[dict[str, Any]] = ()
    ) -> None:
        self._post("permissions", address=address, owner=owner, actives=list(actives))

    def reorg(
        self,
        blocks: int,
        *,
        returning: str = "first",
        drop: Sequence[str] = (),
        result: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Replace the last blocks; see `reorganisation.reorganise`."""
        body = {"blocks": blocks, "return": returning, "drop": list(drop), "result": result or {}}
        return self._post("reorg", **body)

    def force_result(self, txid: str, result: str | None) -> None:
        """REVERT or OUT_OF_ENERGY when it is executed, whatever the state says; None takes it back."""
        self._post("result", txid=txid, result=result)

    def stall(self, stalled: bool = True) -> dict[str, Any]:
        return self._post("stall", stalled=stalled)

    def lag(self, node: int, blocks: int) -> dict[str, Any]:
        return self._post("lag", node=node, blocks=blocks)

    def fork(self, node: int, blocks: int = 0, *, returning: str = "never") -> dict[str, Any]:
        """A branch of its own for a node, its last `blocks` blocks replaced without their transactions."""
        return self._post("fork", node=node, blocks=blocks, **{"return": returning})

    def heal(self, node: int) -> dict[str, Any]:
        return self._post("fork", node=node, heal=True)

    def node(self, node: int, **settings: Any) -> dict[str, Any]:
        """online, latency_ms, trx_cache, max_pending."""
        return self._post("node", node=node, **settings)

    def latency(self, milliseconds: int, *, node: int | None = None) -> dict[str, Any]:
        return self._post("latency", milliseconds=milliseconds, node=node)

    def snapshot(self, path: Path | None = None) -> str:
        written: str = self._post("snapshot", **({} if path is None else {"path": str(path)}))["path"]
        return written

    def reset(self, *, now_ms: int | None = None, check_tapos: bool = True) -> dict[str, Any]:
        """A new chain, by default at the present; without TAPOS it takes transactions of another chain."""
        return self._post("reset", now_ms=now_ms, check_tapos=check_tapos)

    def _get(self, name: str, **query: Any) -> dict[str, Any]:
        return self._request("GET", name, params=query)

    def _post(self, name: str, **body: Any) -> dict[str, Any]:
        return self._request("POST", name, json=body)

    def _request(self, method: str, name: str, **arguments: Any) -> dict[str, Any]:
        """Raises `DevnetError` for a refusal, requests.RequestException when nobody answers."""
        response = self._session.request(
            method, f"{self.url}/_devnet/{name}", timeout=self._timeout, **arguments
        )
        answer: dict[str, Any] = response.json()
        if response.status_code != requests.codes.ok:
            raise DevnetError(answer["error"])
        return answer
