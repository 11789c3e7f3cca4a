"""HAProxy's configuration as text: the template of deploy/gateway with an installation's own in its places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kyc.documents.converting import maximum_bytes
from kyc.screening import files as screening_lists
from lucid_payments.accounts.keyring import thumbprint
from lucid_payments.api.multipart import BESIDE_THE_FILE
from lucid_payments.gateway.issuers import TokenIssuer
from payouts.uploads import reading

TEMPLATE: Final = Path("deploy", "gateway", "haproxy.cfg")
KEYS: Final = "keys"
TOKEN_MAP: Final = "gateway-token.map"  # noqa: S105 - a file's name
METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE")
READY: Final = "/api/payment/health/ready"
# Bodies of the routes that name no other size: an order is some hundred bytes.
PLAIN_BYTES: Final = 64_000
# Held until it is whole; with the headers and HAProxy's own reserve it fits into the buffer.
HELD_BYTES: Final = 48_000
BUFFER_BYTES: Final = 65_536
# Below what gunicorn takes (4,094 for the line, 8,190 for a header), whose own refusals are HTML.
LONGEST_ADDRESS: Final = 3_500
LONGEST_HEADERS: Final = 8_000
CONNECTIONS_PER_CLIENT: Final = 64
# What stands in every error besides its code.
_TOLD: Final = '"request_id":"%[var(txn.request_id)]","timestamp":"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]"'
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")
_WORD: Final = re.compile(r"[A-Za-z0-9._:/*\[\]-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What an installation says of its gateway; limits are requests a minute, the paths those of Unix sockets.

    `bind` is the TCP door, empty for none.
    """

    bind: str
    api_socket: str
    admin_socket: str
    metrics_socket: str
    service_socket: str
    per_subject: int
    per_client: int
    refused_per_client: int
    token: str
    host: str
    origins: Sequence[str]
    # How often `ready` is asked, in milliseconds, and for how long a client may dawdle over a request, in seconds.
    check_every: int = 3_000
    patience: int = 10


def configured() -> Door:
    """As the settings say. Raises ImproperlyConfigured for what can't stand in a configuration."""
    door = Door(
        bind=settings.GATEWAY_BIND,
        api_socket=settings.GATEWAY_API_SOCKET,
        admin_socket=settings.GATEWAY_ADMIN_SOCKET,
        metrics_socket=settings.GATEWAY_METRICS_SOCKET,
        service_socket=settings.WEB_SOCKET,
        per_subject=settings.GATEWAY_SUBJECT_PER_MINUTE * settings.RATE_LIMIT_FACTOR,
        per_client=settings.GATEWAY_CLIENT_PER_MINUTE * settings.RATE_LIMIT_FACTOR,
        refused_per_client=settings.GATEWAY_REFUSED_PER_MINUTE * settings.RATE_LIMIT_FACTOR,
        token=settings.GATEWAY_TOKEN,
        host=_host(settings.ALLOWED_HOSTS),
        origins=settings.CORS_ALLOWED_ORIGINS,
    )
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", door.token, re.ASCII):
        raise ImproperlyConfigured(
            "GATEWAY_TOKEN must have 1 to 200 printable ASCII characters without blanks: it travels in a header."
        )
    sockets = [door.api_socket, door.admin_socket, door.metrics_socket, door.service_socket]
    for word in [*sockets, door.host, *door.origins, *([door.bind] if door.bind else [])]:
        if not _WORD.fullmatch(word):
            raise ImproperlyConfigured(f"{word!r} can't stand in the gateway's configuration.")
    return door


def text_of(door: Door, issuers: Sequence[TokenIssuer], folder: Path) -> str:
    """The configuration that lies in `folder`."""
    places: dict[str, Any] = {
        "told": _TOLD,
        "binds": _binds(door),
        "origin": _origins(door),
        "issuers": "\n".join(line for issuer in issuers for line in _rules(issuer, folder)),
        "breaker": _breaker(door, folder),
        "checks": _checks(door),
        "methods": ", ".join(METHODS),
        "method_list": " ".join(METHODS),
        "per_client": door.per_client,
        "per_subject": door.per_subject,
        "refused_per_client": door.refused_per_client,
        "connections_per_client": CONNECTIONS_PER_CLIENT,
        "admin_socket": door.admin_socket,
        "metrics_socket": door.metrics_socket,
        "service_socket": door.service_socket,
        "token_map": folder / TOKEN_MAP,
        "patience": f"{door.patience}s",
        **_sizes(),
    }
    return _filled((settings.BASE_DIR / TEMPLATE).read_text(), places)


def key_file(folder: Path, issuer: TokenIssuer, kid: str) -> Path:
    """Named after the key itself, so that a file never changes and a name never means another key."""
    return folder / KEYS / f"{thumbprint(issuer.keys[kid])}.pem"


def _filled(template: str, places: Mapping[str, Any]) -> str:
    """Raises KeyError for a place that nothing is known of; what is filled in may hold places too."""
    filled = _PLACE.sub(lambda place: str(places[place[1]]), template)
    return _filled(filled, places) if _PLACE.search(filled) else filled


def _sizes() -> dict[str, int]:
    return {
        "buffer_bytes": BUFFER_BYTES,
        "held_bytes": HELD_BYTES,
        "plain_bytes": PLAIN_BYTES,
        "json_bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        "upload_bytes": reading.MAXIMUM + BESIDE_THE_FILE,
        "document_bytes": maximum_bytes() + BESIDE_THE_FILE,
        "admin_bytes": screening_lists.MAXIMUM + BESIDE_THE_FILE,
        "longest_address": LONGEST_ADDRESS,
        "longest_headers": LONGEST_HEADERS,
    }


def _binds(door: Door) -> str:
    tor = f"    bind unix@{door.api_socket} mode 660 accept-proxy"
    return f"    bind {door.bind}\n{tor}" if door.bind else tor


def _origins(door: Door) -> str:
    """For the gateway's own answers; the service's have what CORS needs."""
    if not door.origins:
        return "    # No origin is listed: browsers of other pages read nothing."
    listed = " ".join(door.origins)
    answers = "    http-after-response set-header"
    exposed = ", ".join(settings.CORS_EXPOSE_HEADERS)
    unless = "if { var(txn.origin) -m found } !{ res.hdr(access-control-allow-origin) -m found }"
    return "\n".join([
        f"    http-request set-var(txn.origin) req.fhdr(origin) if {{ req.fhdr(origin) -m str {listed} }}",
        f'{answers} Access-Control-Expose-Headers "{exposed}" {unless}',
        f"{answers} Vary Origin {unless}",
        f"{answers} Access-Control-Allow-Origin %[var(txn.origin)] {unless}",
    ])  # fmt: skip


def _rules(issuer: TokenIssuer, folder: Path) -> list[str]:
    """`txn.signed` once the issuer's key of the token's `kid` made the signature, for us and for this purpose."""
    types = ("" if issuer.is_ours else "-i ") + "-- " + " ".join(issuer.types)
    rules = [f"    # {issuer.name}"]
    for kid in sorted(issuer.keys):
        claims = {
            "iss": f"-- '{issuer.iss}'",
            "aud": f"-- '{issuer.aud}'",
            "typ": types,
            "kid": f"-- '{kid}'",
        }
        meant = " ".join(f"{{ var(txn.{claim}) -m str {said} }}" for claim, said in claims.items())
        signed = f'{{ http_auth_bearer,jwt_verify(RS256,"{key_file(folder, issuer, kid)}") 1 }}'
        rules.append(f"    http-request set-var(txn.signed) bool(true) if is_bearer {meant} {signed}")
    return rules


def _breaker(door: Door, folder: Path) -> str:
    """`ready` is asked as ourselves: by a client of its own, so that nobody else uses up its limit."""
    return "\n".join([
        "    option httpchk",
        f"    http-check send meth GET uri {READY} ver HTTP/1.1 hdr Host {door.host} hdr X-Lucid-Client %[be_name] "
        f"hdr X-Lucid-Gateway-Token %[str(token),map({folder / TOKEN_MAP})]",
        "    http-check expect status 200",
    ])  # fmt: skip


def _checks(door: Door) -> str:
    soon = max(200, door.check_every // 3)
    return (
        f"check inter {door.check_every} fastinter {soon} downinter {soon} fall 2 rise 2 "
        "observe layer7 error-limit 5 on-error mark-down on-marked-down shutdown-sessions"
    )


def _host(allowed: Sequence[str]) -> str:
    """One that the service answers to."""
    named = [host for host in allowed if host != "*"]
    return named[0].removeprefix(".") if named else "localhost"
