"""The wire to one node: tronpy's HTTPProvider, fenced in.

tronpy brings the session and the request; this adds what it lacks: a proxy that resolves names itself, no
environment proxies, no redirects, no cookies, no API keys of tronpy's own, a cap on the answer's size and on
the time of its body, and errors that carry no URL.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tronpy.providers import HTTPProvider
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from payouts.tron.errors import (
    BadAnswer,
    NodeBusy,
    NodeError,
    NodeForbidden,
    NodeReportedError,
    NodeServerError,
    NodeTimeout,
    NodeUnreachable,
)
from payouts.tron.reading import printable

POOL_SIZE: Final = 32
# A full mainnet block with its receipts is a few megabytes of JSON.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Where one node is and who runs it. `timeout` in seconds; `rate` in requests a second, 0 for no limit.

    `solid_url` is the root that serves `walletsolidity/`, if it isn't `url`'s. `proxy` must be `socks5h://`:
    plain `socks5://` would resolve the node's name outside Tor. Raises ValueError.
    """

    name: str
    operator: str
    url: str = field(repr=False)
    solid_url: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    timeout: float = 8.0
    rate: float = 0

    def __post_init__(self) -> None:
        if not self.name or not self.operator:
            raise ValueError("A node needs a name and an operator.")
        for url in filter(None, (self.url, self.solid_url)):
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise ValueError(f"Node {self.name}: the address must be an http or https URL.")
        if not self.url:
            raise ValueError(f"Node {self.name} needs an address.")
        if self.proxy and urlsplit(self.proxy).scheme != "socks5h":
            raise ValueError(f"Node {self.name}: the proxy must be socks5h:// so that names go through it.")
        if self.timeout <= 0 or self.rate < 0:
            raise ValueError(f"Node {self.name}: the time-out must be positive and the rate not negative.")


class NodeTransport:
    """Posts JSON to one node's two roots. Safe to share between threads; make it after a fork, not before."""

    def __init__(self, config: NodeConfig) -> None:
        self._config = config
        self._full = _provider(config, config.url)
        self._solid = _provider(config, config.solid_url) if config.solid_url else self._full
        self._pace = _Pace(config.rate)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded JSON of `path` (such as `wallet/getnowblock`). Raises `NodeError`."""
        self._pace.wait(self._config.timeout)
        provider = self._solid if path.startswith("walletsolidity/") else self._full
        try:
            answer = provider.make_request(path, body)
        except NodeError:
            raise
        except requests.HTTPError as error:
            raise _status_error(error.response) from None
        except (requests.RequestException, Urllib3Error, ValueError, RecursionError, OSError) as error:
            raise _transport_error(error) from None
        if isinstance(answer, dict) and "Error" in answer:
            raise reported_error(answer["Error"])
        return answer


def reported_error(text: object) -> NodeError:
    """java-tron's `{"Error": …}`, which comes with HTTP 200."""
    said = printable(str(text))
    if "lack of computing resources" in said:
        return NodeBusy("RATE_LIMITED", "The node limits our rate.")
    return NodeReportedError("NODE_ERROR", f"The node answered with an error: {said}")


def _provider(config: NodeConfig, url: str) -> HTTPProvider:
    # urljoin would drop the last part of a path that doesn't end in a slash.
    provider = HTTPProvider(url.rstrip("/") + "/", timeout=config.timeout)
    # tronpy sends one of six built-in keys to any address with "trongrid" in it.
    provider.use_api_key = False
    session = provider.sess
    session.trust_env = False
    session.max_redirects = 0
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if config.api_key:
        session.headers["TRON-PRO-API-KEY"] = config.api_key
    if config.proxy:
        session.proxies = {"http": config.proxy, "https": config.proxy}
    adapter = _BoundedAdapter(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return provider


class _BoundedAdapter(HTTPAdapter):
    """Reads an answer's body within a size and a time: requests would read on for as long as it drips."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = time.monotonic() + float(kwargs["timeout"])
        kwargs["stream"] = True
        response = super().send(request, *args, **kwargs)
        try:
            response._content = _read_bounded(response, deadline)
        except BaseException:
            response.close()
            raise
        return response


def _read_bounded(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise BadAnswer("TOO_LONG", f"The answer is longer than {MAX_ANSWER_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise NodeTimeout("TIMEOUT", "The node's answer came too slowly.")
    response.raw.release_conn()
    return bytes(body)


def _status_error(response: requests.Response) -> NodeError:
    status = response.status_code
    if status == 429 or status == 503:
        return NodeBusy(f"HTTP_{status}", f"The node limits our rate (HTTP {status}).")
    if status in (401, 403):
        return NodeForbidden(f"HTTP_{status}", f"The node refuses us (HTTP {status}).")
    return NodeServerError(f"HTTP_{status}", f"The node answered with HTTP {status}.")


def _transport_error(error: Exception) -> NodeError:
    if isinstance(error, requests.Timeout | Urllib3Timeout):
        return NodeTimeout("TIMEOUT", "The node took too long to answer.")
    if isinstance(error, requests.TooManyRedirects):
        return BadAnswer("REDIRECT", "The node wants to redirect us.")
    # requests' errors are OSErrors too, so what can't be decoded is told apart first.
    if isinstance(error, ValueError | RecursionError):
        return BadAnswer("NOT_JSON", "The answer isn't JSON.")
    return NodeUnreachable("UNREACHABLE", "The node can't be reached or cut the connection.")


class _Pace:
    """Spaces requests so that at most `rate` a second start, over all threads of this process."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, longest: float) -> None:
        """Sleeps until this request's turn. Raises `NodeBusy` if that is more than `longest` seconds away."""
        if not self._interval:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            if start - now > longest:
                raise NodeBusy("OWN_RATE", "Too many requests of ours wait for this node.")
            self._next = start + self._interval
        if start > now:
            time.sleep(start - now)
