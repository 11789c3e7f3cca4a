"""Tokens and requests with one thing wrong in each, by name."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.api_client import BASE
from tests.deploy.gateway import tokens
from tests.deploy.gateway.house import Gateway
from tests.deploy.gateway.test_doors import JSON, ORDER
from tests.deploy.gateway.tokens import by_secret, header, part, signed
from tests.deploy.gateway.wire import request
from tests.lucid_payments.accounts.issuer import private_key

PAYOUTS = f"{BASE}/payouts"
CLOSED = (0, "")
BAD = (400, "LUCID_ERR_1002")
UNKNOWN = (404, "LUCID_ERR_1004")
NOT_TAKEN = (405, "LUCID_ERR_1004")
TOO_LONG = (413, "LUCID_ERR_1004")
NOBODY = (401, "LUCID_ERR_1001")


@dataclass(frozen=True)
class Outsider:
    """What a row is made of: a good token of `subject`, and where its keys lie."""

    subject: str
    token: str
    house: Gateway

    @property
    def bearer(self) -> str:
        return f"Authorization: Bearer {self.token}"

    def claims(self, **changes: Any) -> dict[str, Any]:
        return tokens.claims(self.subject, **changes)

    def pay(self, *headers: str, target: str = PAYOUTS, method: str = "POST") -> bytes:
        """An order in which nothing is wrong but what a row puts there."""
        return request(method, target, JSON, *headers, body=ORDER)

    def shows(self, token: str) -> bytes:
        return self.pay(f"Authorization: Bearer {token}")


Row = Callable[[Outsider], bytes]


def now(seconds: int) -> int:
    return int(time.time()) + seconds


def other_key_file(who: Outsider) -> bytes:
    return str(next((who.house.folder / "keys").iterdir())).encode()


TOKENS: dict[str, Row] = {
    "no token": lambda who: who.pay(),
    "an empty token": lambda who: who.pay("Authorization: Bearer "),
    "another scheme": lambda who: who.pay(f"Authorization: Token {who.token}"),
    "a password": lambda who: who.pay("Authorization: Basic YWRtaW46YWRtaW4="),
    "two blanks": lambda who: who.pay(f"Authorization: Bearer  {who.token}"),
    "a second token after a comma": lambda who: who.pay(f"{who.bearer}, Bearer a.b.c"),
    "a token in the address": lambda who: who.pay(target=f"{PAYOUTS}?access_token={who.token}"),
    "a token in a cookie": lambda who: who.pay(f"Cookie: access={who.token}"),
    "alg none": lambda who: who.shows(f"{part(header(alg='none'))}.{part(who.claims())}."),
    "alg None, signed": lambda who: who.shows(signed(header(alg="None"), who.claims())),
    "alg none with a signature": lambda who: who.shows(signed(header(alg="none"), who.claims())),
    "HS256 with the public key": lambda who: who.shows(
        by_secret(header(alg="HS256"), who.claims(), tokens.public_pem())
    ),
    "HS256 with the path of the key": lambda who: who.shows(
        by_secret(header(alg="HS256"), who.claims(), other_key_file(who))
    ),
    "HS256 that says RS256": lambda who: who.shows(by_secret(header(), who.claims(), tokens.public_pem())),
    "RS512 to the letter": lambda who: who.shows(signed(header(alg="RS512"), who.claims())),
    "PS256 to the letter": lambda who: who.shows(signed(header(alg="PS256"), who.claims())),
    "no alg": lambda who: who.shows(signed(header(alg=None), who.claims())),
    "a key of somebody else": lambda who: who.shows(signed(header(), who.claims(), private_key(7))),
    "an unknown kid": lambda who: who.shows(signed(header(kid="unknown"), who.claims())),
    "no kid": lambda who: who.shows(signed(header(kid=None), who.claims())),
    "a path for a kid": lambda who: who.shows(signed(header(kid="../../../dev/null"), who.claims())),
    "the outside issuer's key for our own token": lambda who: who.shows(
        signed(header(kid="k1"), who.claims(), private_key(1))
    ),
    "our key for the outside issuer's token": lambda who: who.shows(
        signed(header(), who.claims(iss="https://login.core.example"))
    ),
    "other claims under a good signature": lambda who: who.shows(
        ".".join([who.token.split(".")[0], part(who.claims(role="admin")), who.token.split(".")[2]])
    ),
    "expired": lambda who: who.shows(signed(header(), who.claims(exp=now(-1)))),
    "no end": lambda who: who.shows(signed(header(), who.claims(exp=None))),
    "an end in words": lambda who: who.shows(signed(header(), who.claims(exp="9999999999"))),
    "not yet valid": lambda who: who.shows(signed(header(), who.claims(nbf=now(60)))),
    "made in the future": lambda who: who.shows(signed(header(), who.claims(iat=now(60)))),
    "no beginning": lambda who: who.shows(signed(header(), who.claims(iat=None))),
    "another audience": lambda who: who.shows(signed(header(), who.claims(aud="another"))),
    "several audiences": lambda who: who.shows(signed(header(), who.claims(aud=["lucid-payments", "x"]))),
    "no audience": lambda who: who.shows(signed(header(), who.claims(aud=None))),
    "another issuer": lambda who: who.shows(signed(header(), who.claims(iss="https://evil.example"))),
    "no issuer": lambda who: who.shows(signed(header(), who.claims(iss=None))),
    "nobody": lambda who: who.shows(signed(header(), who.claims(sub=None))),
    "an empty subject": lambda who: who.shows(signed(header(), who.claims(sub=""))),
    "a refresh token": lambda who: who.shows(signed(header(), who.claims(typ="refresh"))),
    "no type": lambda who: who.shows(signed(header(), who.claims(typ=None))),
    "jku": lambda who: who.shows(signed(header(jku="https://evil.example/keys"), who.claims())),
    "jwk": lambda who: who.shows(signed(header(jwk={"kty": "RSA", "e": "AQAB", "n": "AQAB"}), who.claims())),
    "x5c": lambda who: who.shows(signed(header(x5c=["AAAA"]), who.claims())),
    "crit": lambda who: who.shows(signed(header(crit=["b64"], b64=False), who.claims())),
    "an escaped name in the header": lambda who: who.shows(
        signed(json.dumps(header(jku="x")).replace("jku", "\\u006aku"), who.claims())
    ),
    "a header that isn't JSON": lambda who: who.shows(signed("RS256", who.claims())),
    "an encrypted token's five parts": lambda who: who.shows(f"{who.token}.{part('a')}.{part('b')}"),
}


REQUESTS: dict[str, tuple[Row, tuple[int, str]]] = {
    "Authorization twice": (lambda who: who.pay("Authorization: Bearer a.b.c", who.bearer), BAD),
    "Authorization twice, the good one first": (
        lambda who: who.pay(who.bearer, "authorization: Basic x"),
        BAD,
    ),
    "Host twice": (lambda who: who.pay(who.bearer, "Host: localhost", "Host: evil"), CLOSED),
    "no Host": (lambda who: who.pay(who.bearer).replace(b"Host: localhost\r\n", b""), BAD),
    "Content-Length twice": (
        lambda who: who.pay(who.bearer, f"Content-Length: {len(ORDER)}", "Content-Length: 5"),
        CLOSED,
    ),
    "a negative length": (lambda who: who.pay(who.bearer, "Content-Length: -1"), CLOSED),
    "a length with a sign": (lambda who: who.pay(who.bearer, f"Content-Length: +{len(ORDER)}"), CLOSED),
    "an unknown coding": (lambda who: who.pay(who.bearer, "Transfer-Encoding: xchunked"), CLOSED),
    "chunked, and then not": (
        lambda who: who.pay(who.bearer, "Transfer-Encoding: chunked, identity"),
        CLOSED,
    ),
    "a blank before the colon": (lambda who: who.pay(who.bearer, "X-Lucid-Client : 1"), CLOSED),
    "a NUL in a header": (lambda who: who.pay(who.bearer, "User-Agent: a\0b"), BAD),
    "a bare line feed in a header": (lambda who: who.pay(who.bearer, "X: a\rX-Lucid-Client: 1"), CLOSED),
    "an encoded slash": (lambda who: who.pay(who.bearer, target=f"{BASE}%2fpayouts"), BAD),
    "an encoded backslash": (lambda who: who.pay(who.bearer, target=f"{BASE}/%5cpayouts"), BAD),
    "a backslash": (lambda who: who.pay(who.bearer, target=f"{BASE}\\payouts"), BAD),
    "an encoded NUL": (lambda who: who.pay(who.bearer, target=f"{PAYOUTS}%00"), BAD),
    "encoded dots": (lambda who: who.pay(who.bearer, target=f"{BASE}/x/%2e%2e/payouts"), BAD),
    "encoded twice": (lambda who: who.pay(who.bearer, target=f"{BASE}/%2570ayouts"), BAD),
    "an encoded letter, past a limit": (lambda who: who.pay(who.bearer, target=f"{BASE}/%70ayouts"), BAD),
    "dots": (lambda who: who.pay(who.bearer, target=f"{BASE}/x/../payouts"), BAD),
    "dots out of the open part": (lambda who: who.pay(target=f"{BASE}/health/../payouts"), BAD),
    "one dot": (lambda who: who.pay(who.bearer, target=f"{BASE}/./payouts"), BAD),
    "two slashes": (lambda who: who.pay(who.bearer, target=f"{BASE}//payouts"), BAD),
    "two slashes at the front": (lambda who: who.pay(who.bearer, target=f"/{PAYOUTS}"), BAD),
    "a parameter in the path": (lambda who: who.pay(who.bearer, target=f"{PAYOUTS};x=/health"), BAD),
    "a fragment": (lambda who: who.pay(who.bearer, target=f"{PAYOUTS}#/health"), CLOSED),
    "letters beyond ASCII": (lambda who: who.pay(who.bearer, target=f"{BASE}/p\u00e4youts"), CLOSED),
    "a whole address": (lambda who: who.pay(who.bearer, target=f"http://localhost{PAYOUTS}"), BAD),
    "a whole address of another host": (
        lambda who: who.pay(who.bearer, target=f"http://evil.example{PAYOUTS}"),
        CLOSED,
    ),
    "no path": (lambda who: who.pay(who.bearer, target="payouts"), CLOSED),
    "an asterisk": (lambda who: who.pay(who.bearer, target="*", method="OPTIONS"), BAD),
    "HTTP/0.9": (lambda who: f"GET {PAYOUTS}\r\n\r\n".encode(), CLOSED),
    "HTTP/3.0": (lambda who: who.pay(who.bearer).replace(b"HTTP/1.1", b"HTTP/3.0"), BAD),
    "HTTP/2 without TLS": (lambda who: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", CLOSED),
    "a websocket": (
        lambda who: request(
            "GET",
            PAYOUTS,
            who.bearer,
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ),
        BAD,
    ),
    "TRACE": (lambda who: who.pay(who.bearer, method="TRACE"), NOT_TAKEN),
    "PATCH": (lambda who: who.pay(who.bearer, method="PATCH"), NOT_TAKEN),
    "a method of nobody's": (lambda who: who.pay(who.bearer, method="PAY"), NOT_TAKEN),
    "a method in small letters": (lambda who: who.pay(who.bearer, method="post"), NOT_TAKEN),
    "CONNECT": (lambda who: request("CONNECT", "localhost:80", who.bearer, "Host: localhost:80"), NOT_TAKEN),
    "a line in the PROXY protocol's shape": (
        lambda who: b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + who.pay(who.bearer),
        CLOSED,
    ),
    "the metrics": (lambda who: request("GET", f"{BASE}/metrics", who.bearer), UNKNOWN),
    "the metrics elsewhere": (lambda who: request("GET", "/metrics", who.bearer), UNKNOWN),
    "the metrics with a slash": (lambda who: request("GET", f"{BASE}/metrics/", who.bearer), UNKNOWN),
    "the admin": (lambda who: request("GET", "/admin/login/", who.bearer), UNKNOWN),
    "the admin's entrance": (lambda who: request("GET", "/admin", who.bearer), UNKNOWN),
    "the admin's scripts": (lambda who: request("GET", "/static/admin/js/core.js", who.bearer), UNKNOWN),
    "another spelling of the API": (lambda who: who.pay(who.bearer, target="/API/payment/payouts"), UNKNOWN),
    "a body of a megabyte": (lambda who: who.pay(who.bearer, "Content-Length: 1000000"), TOO_LONG),
    "a document of a gigabyte": (
        lambda who: who.pay(
            who.bearer, "Content-Length: 1000000000", target=f"{BASE}/kyc/applications/x/documents"
        ),
        TOO_LONG,
    ),
    "a length beyond all numbers": (
        lambda who: who.pay(who.bearer, "Content-Length: 99999999999999999999"),
        CLOSED,
    ),
    "a header of 10,000 bytes": (lambda who: who.pay(who.bearer, f"X-Long: {'x' * 10_000}"), BAD),
    "a header of 100,000 bytes": (lambda who: who.pay(who.bearer, f"X-Long: {'x' * 100_000}"), CLOSED),
    "a hundred headers": (lambda who: who.pay(who.bearer, *[f"X-{n}: 1" for n in range(100)]), CLOSED),
    "an address of 5,000 bytes": (lambda who: who.pay(who.bearer, target=f"{PAYOUTS}?{'x' * 5_000}"), BAD),
}
