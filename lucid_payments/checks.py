"""System checks of what the settings mean together: the rules of staging and production.

Staging obeys production's rules on a test network. Demo and test are free, except that they never touch real
money: their clock can be stepped. `require_sound_settings` keeps web and workers from starting otherwise.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import env, outgoing

STAGING_NETWORKS = ("shasta", "nile")
SHORTEST_SECRET = 50
SHORTEST_GATEWAY_TOKEN = 32

Finding = Iterable[CheckMessage]


def require_sound_settings() -> None:
    """Raise ImproperlyConfigured with every error of the system checks, each with its hint."""
    errors = [message for message in run_checks(tags=["lucid"]) if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.id}: {error.msg} {error.hint}" for error in errors))


@register("lucid")
def check_environment(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """All rules of this LUCID_ENV."""
    rules: tuple[Callable[[], Finding], ...] = (_network,)
    if settings.IS_LIVE:
        rules = (
            _network,
            _nodes,
            _tor,
            _mail,
            _gateway,
            _limits,
            _secrets,
            _secrets_in_the_open,
            _debug,
            _tokens,
            _seal,
            _deployment,
            _webhooks,
            _request_limits,
            _hosts,
            _banner,
            _fault_points,
            _metrics,
        )
    return [finding for rule in rules for finding in rule()]


def _network() -> Finding:
    network, environment = settings.TRON_NETWORK, settings.LUCID_ENV
    if environment == "production" and network != "mainnet":
        yield Error(
            f"Production pays on mainnet, not on {network}.",
            hint="Set TRON_NETWORK=mainnet, or LUCID_ENV=staging for a test network.",
            id="lucid.E001",
        )
    if environment == "staging" and network not in STAGING_NETWORKS:
        yield Error(
            f"Staging runs on a test network, not on {network}.",
            hint="Set TRON_NETWORK=shasta or nile.",
            id="lucid.E001",
        )
    if not settings.IS_LIVE and network == "mainnet":
        yield Error(
            f"LUCID_ENV={environment} must not touch real money.",
            hint="Set TRON_NETWORK to devnet, shasta or nile, or LUCID_ENV=production.",
            id="lucid.E001",
        )


def _nodes() -> Finding:
    operators = {node.get("operator") for node in settings.TRON_NODES if isinstance(node, dict)}
    if len(operators - {None, ""}) < 2:
        yield Error(
            "The chain is read from fewer than two providers of different operators.",
            hint='Give TRON_NODES two nodes whose "operator" differs: one alone could lie about a payment.',
            id="lucid.E002",
        )
    for node in settings.TRON_NODES:
        url = str(node.get("url", "")) if isinstance(node, dict) else ""
        host = url.removeprefix("http://").split("/")[0].split(":")[0]
        if not url.startswith("https://") and not host.endswith(".onion"):
            yield Error(
                f"The node {node.get('name') if isinstance(node, dict) else node!r} is asked without TLS.",
                hint="Use https://, or http:// to an onion address.",
                id="lucid.E008",
            )


def _tor() -> Finding:
    wrong = outgoing.wrong_with(settings.TOR_PROXY)
    if wrong:
        yield Error(
            f"TOR_PROXY: {wrong}",
            hint="Set TOR_PROXY=socks5h://127.0.0.1:9050 (socks5h: names are resolved by Tor).",
            id="lucid.E003",
        )
    for node in settings.TRON_NODES:
        own = str(node.get("proxy", "")) if isinstance(node, dict) else ""
        if own and (wrong := outgoing.wrong_with(own)):
            yield Error(
                f"TRON_NODES, {node.get('name')}: {wrong}",
                hint="Leave its proxy out, so that TOR_PROXY counts, or name another socks5h:// port of Tor.",
                id="lucid.E003",
            )


def _mail() -> Finding:
    onion = settings.EMAIL_HOST.endswith(".onion")
    if settings.EMAIL_HOST and not (settings.EMAIL_USE_TLS or onion):
        yield Error(
            f"Mail to {settings.EMAIL_HOST} leaves Tor unencrypted, and so does the account's password.",
            hint="Unset EMAIL_USE_TLS, or use a mail server with an onion address.",
            id="lucid.E041",
        )
    if settings.EMAIL_HOST and _is_address(settings.EMAIL_HOST):
        yield Error(
            f"EMAIL_HOST={settings.EMAIL_HOST} is an address: Tor's port takes names alone.",
            hint="Give the mail server's name or onion address.",
            id="lucid.E041",
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _gateway() -> Finding:
    if len(settings.GATEWAY_TOKEN) < SHORTEST_GATEWAY_TOKEN:
        yield Error(
            "The gateway's token is missing or short: anybody on the socket could name any client.",
            hint=f"Set GATEWAY_TOKEN_FILE to a file of at least {SHORTEST_GATEWAY_TOKEN} random characters.",
            id="lucid.E004",
        )


def _limits() -> Finding:
    for prefix in ("CIRCUIT_BREAKER", "V0", "KYC"):
        daily = getattr(settings, f"{prefix}_DAILY_LIMIT")
        hourly = getattr(settings, f"{prefix}_HOURLY_LIMIT")
        if daily <= hourly:
            yield Error(
                f"{prefix}_DAILY_LIMIT isn't above {prefix}_HOURLY_LIMIT.",
                hint="A day's limit at or below an hour's lets one hour empty the day.",
                id="lucid.E005",
            )


def _secrets() -> Finding:
    key = settings.SECRET_KEY
    if len(key) < SHORTEST_SECRET or len(set(key)) < 5 or key.startswith("django-insecure-"):
        yield Error(
            "SECRET_KEY is a default or too short.",
            hint=f"Set SECRET_KEY_FILE to a file with at least {SHORTEST_SECRET} random characters.",
            id="lucid.E006",
        )


def _secrets_in_the_open() -> Finding:
    for name in sorted(env.in_the_open()):
        where = name.lower().replace("_", "-")
        yield Error(
            f"{name} stands in the environment, which every child inherits and `systemctl show` prints.",
            hint=f"Unset {name}. Set {name}_FILE to a file of mode 0400 that its process's user owns, or "
            f"give it as the systemd credential {where}.",
            id="lucid.E021",
        )


def _debug() -> Finding:
    if settings.DEBUG:
        yield Error(
            "DEBUG shows settings and source to whoever provokes an error.",
            hint="Unset DEBUG.",
            id="lucid.E007",
        )


def _tokens() -> Finding:
    if settings.JWT_ALGORITHM != "RS256":
        yield Error(
            f"Tokens are signed with {settings.JWT_ALGORITHM}: the gateway has no public key for that.",
            hint="Unset JWT_ALGORITHM, or set it to RS256.",
            id="lucid.E009",
        )


def _seal() -> Finding:
    if not settings.AUDIT_SEAL_KEY_FILE:
        yield Error(
            "The audit log's head is not signed: whoever owns the database could rewrite it unseen.",
            hint="Set AUDIT_SEAL_KEY_FILE to a file with at least 32 random characters, for the worker.",
            id="lucid.E012",
        )
    if not settings.AUDIT_HEAD_KEY_FILE:
        yield Error(
            "No head of the audit log is signed for publishing: outsiders have nothing to hold it against.",
            hint="Set AUDIT_HEAD_KEY_FILE, for the worker, and run `manage.py audit key` once.",
            id="lucid.E019",
        )


def _deployment() -> Finding:
    if not settings.DEPLOYMENT:
        yield Error(
            "This installation has no name: what is signed for another one would count here.",
            hint="Set DEPLOYMENT to a name that no other installation has, and never change it.",
            id="lucid.E020",
        )


def _webhooks() -> Finding:
    if settings.WEBHOOK_PRIVATE_TARGETS:
        yield Error(
            "Webhooks may call this machine and its network.",
            hint="Unset WEBHOOK_PRIVATE_TARGETS.",
            id="lucid.E017",
        )
    if len(settings.WEBHOOK_KEY) < SHORTEST_SECRET:
        yield Error(
            "WEBHOOK_KEY is too short: webhooks could be forged.",
            hint=f"Set WEBHOOK_KEY_FILE to a file with at least {SHORTEST_SECRET} random characters.",
            id="lucid.E018",
        )


def _request_limits() -> Finding:
    if settings.RATE_LIMIT_FACTOR != 1:
        yield Error(
            f"RATE_LIMIT_FACTOR={settings.RATE_LIMIT_FACTOR} lifts every request limit: that is for load tests.",
            hint="Unset RATE_LIMIT_FACTOR.",
            id="lucid.E013",
        )


def _hosts() -> Finding:
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS names no host, or every host.",
            hint="Set ALLOWED_HOSTS to the service's onion address and to the gateway's name.",
            id="lucid.E010",
        )


def _banner() -> Finding:
    if settings.LUCID_ENV == "staging" and not settings.BANNER:
        yield Error(
            "Staging looks like production: its pages have no banner.",
            hint="Unset BANNER, or give it a text.",
            id="lucid.E011",
        )


def _fault_points() -> Finding:
    if settings.FAULT_POINTS_FOLDER:
        yield Error(
            "FAULT_POINTS_FOLDER would let files end or stop our processes.",
            hint="Unset it: the fault seam is for demo and test.",
            id="lucid.E014",
        )


def _metrics() -> Finding:
    if not settings.METRICS_FOLDER:
        yield Warning(
            "Each process counts for itself: GET /metrics shows one worker's share.",
            hint="Set PROMETHEUS_MULTIPROC_DIR to a folder that web and workers share, emptied when they all start.",
            id="lucid.W015",
        )
