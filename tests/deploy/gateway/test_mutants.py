"""Each rule of the configuration is missed by a test: with the rule taken out, what it keeps away gets through."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lucid_payments.gateway import issuers
from tests.api_client import BASE
from tests.deploy.gateway import tokens
from tests.deploy.gateway.house import SMALL, Gateway, a_door, short_folder
from tests.deploy.gateway.rows import NOBODY, REQUESTS, TOKENS, Outsider
from tests.deploy.gateway.test_behind import Pair
from tests.deploy.gateway.upstream import Upstream, upstream
from tests.deploy.gateway.wire import request

pytestmark = [pytest.mark.haproxy, pytest.mark.prove]

# Whether what the rule is for still holds.
Holds = Callable[[Pair, Outsider], bool]


@dataclass(frozen=True)
class Mutant:
    """`taken` and `put` are a regular expression and what stands in its place, wherever it is found."""

    taken: str
    put: str
    holds: Holds
    also: tuple[str, str] = ("", "")


def token(name: str) -> Holds:
    return lambda pair, who: pair.gateway.by_tor().say(TOKENS[name](who)).status == NOBODY[0]


def row(name: str) -> Holds:
    made, (status, _) = REQUESTS[name]

    def holds(pair: Pair, who: Outsider) -> bool:
        reply = pair.gateway.by_tor().say(made(who))
        return reply.status == status and bool(reply.body) == bool(status)

    return holds


def arrives_as(header: bytes, value: bytes) -> Holds:
    """What a client says of itself in this header never reaches the service."""

    def holds(pair: Pair, who: Outsider) -> bool:
        pair.ask("GET", f"{BASE}/payouts", f"{header.decode()}: {value.decode()}")
        return value not in pair.told.arrived[-1]

    return holds


def subject_is_limited(pair: Pair, who: Outsider) -> bool:
    asked = request("GET", f"{BASE}/payouts", who.bearer)
    return [pair.gateway.by_tor().say(asked).status for _ in range(SMALL["per_subject"] + 1)][-1] == 429


def circuit_is_limited(pair: Pair, who: Outsider) -> bool:
    door = pair.gateway.by_tor()
    return [door.say(request("GET", "/")).status for _ in range(SMALL["per_client"] + 1)][-1] == 429


def guessing_is_limited(pair: Pair, who: Outsider) -> bool:
    door, asked = pair.gateway.by_tor(), request("GET", f"{BASE}/payouts")
    return [door.say(asked).status for _ in range(SMALL["refused_per_client"] + 1)][-1] == 429


def a_post_arrives_once(pair: Pair, who: Outsider) -> bool:
    pair.told.status = 0
    pair.pay()
    return len(pair.told.arrived) == 1


def a_breaker_opens(pair: Pair, who: Outsider) -> bool:
    pair.told.status = 500
    return 503 in [pair.pay().status for _ in range(7)]


def a_body_is_whole(pair: Pair, who: Outsider) -> bool:
    before = pair.told.begun
    return pair.gateway.by_tor().say(who.pay(who.bearer)[:-1]).status == 408 and pair.told.begun == before


def admin_is_apart(pair: Pair, who: Outsider) -> bool:
    return pair.gateway.of_admin().say(request("GET", f"{BASE}/payouts", who.bearer)).status == 404


def what_isn_t_http_is_closed_upon(pair: Pair, who: Outsider) -> bool:
    return pair.gateway.by_tor().say(b"nonsense\r\n\r\n").status == 0


def a_request_has_its_own_name(pair: Pair, who: Outsider) -> bool:
    return " " not in pair.ask("GET", f"{BASE}/payouts", "X-Request-ID: a b").headers["X-Request-Id"]


def condition(claim: str) -> str:
    return rf"\{{ var\(txn\.{claim}\) -m str (-i )?-- [^}}]*\}} "


def use(acl: str) -> str:
    """Where it is asked, not where it is defined."""
    return rf"(?<!acl) {acl}\b"


def rule(part: str) -> str:
    """The whole line that holds this."""
    return rf"(?m)^    http-request .*{re.escape(part)}.*$"


MUTANTS = {
    "the token's own algorithm": Mutant(
        r"jwt_verify\(RS256,", "jwt_verify(txn.alg,", token("HS256 with the path of the key"), (use("is_rs256"), "")
    ),
    "an algorithm that isn't named": Mutant(use("is_rs256"), "", token("RS512 to the letter")),
    "no signature": Mutant(r"\{ http_auth_bearer,jwt_verify[^}]*\}", "", token("a key of somebody else")),
    "any kid": Mutant(condition("kid"), "", token("an unknown kid")),
    "any issuer": Mutant(condition("iss"), "", token("another issuer")),
    "any audience": Mutant(condition("aud"), "", token("another audience")),
    "any purpose": Mutant(condition("typ"), "", token("a refresh token")),
    "any end": Mutant(use("is_not_over"), "", token("expired")),
    "an end that is a text": Mutant(use("has_times"), "", token("an end in words")),
    "any beginning": Mutant(use("is_made"), "", token("made in the future")),
    "too early": Mutant(use("!is_too_early"), "", token("not yet valid")),
    "nobody": Mutant(use("has_subject"), "", token("nobody")),
    "anything in the header": Mutant(use("has_plain_header"), "", token("jku")),
    "two tokens": Mutant(rule("Give one Authorization."), "", row("Authorization twice, the good one first")),
    "no host": Mutant(rule("Give one Host."), "", row("no Host")),
    "a whole address": Mutant(rule("not a whole address"), "", row("a whole address")),
    "any spelling": Mutant(rule("letters, digits"), "", row("an encoded letter, past a limit")),
    "dots": Mutant(re.escape(r"(?!\.{1,2}(/|$))"), "", row("dots out of the open part")),
    "long headers": Mutant(rule("The headers are longer"), "", row("a header of 10,000 bytes")),
    "long addresses": Mutant(rule("The address is longer"), "", row("an address of 5,000 bytes")),
    "control characters": Mutant(rule("control characters"), "", row("a NUL in a header")),
    "any version": Mutant(rule("HTTP/1.1 is spoken"), "", row("HTTP/3.0")),
    "HTTP/2": Mutant("    option disable-h2-upgrade", "", row("HTTP/2 without TLS")),
    "upgrades": Mutant(rule("Nothing is upgraded"), "", row("a websocket")),
    "any method": Mutant(rule("deny_status 405"), "", row("TRACE")),
    "the metrics": Mutant(rule("deny_status 404 if is_metrics"), "", row("the metrics")),
    "the admin": Mutant(rule("deny_status 404 if !is_api"), "", row("the admin")),
    "any length": Mutant(rule("deny_status 413"), "", row("a body of a megabyte")),
    "who a client says that it is": Mutant(
        rule("del-header '^(?!(accept|accept-encoding|accept-language|access"), "",
        arrives_as(b"X-Forwarded-For", b"10.0.0.66"),
    ),
    "a client's word for its circuit": Mutant(
        rule("set-header X-Lucid-Client"), "", arrives_as(b"X-Lucid-Client", b"10.0.0.66"),
        (r"user-agent\)", "user-agent|x-lucid-client)"),
    ),
    "any request id": Mutant(
        re.escape("{ req.fhdr(x-request-id) -m reg '^[A-Za-z0-9._-]{1,64}$' }"), "", a_request_has_its_own_name
    ),
    "no limit of a subject": Mutant(rule("sc1_http_req_rate"), "", subject_is_limited),
    "a subject's limit on each circuit": Mutant(
        re.escape("track-sc1 var(txn.caller),sha2(256)"), "track-sc1 src,sha2(256)", subject_is_limited
    ),
    "no limit of a circuit": Mutant(rule("sc0_http_req_rate"), "", circuit_is_limited),
    "over a limit, and on it goes": Mutant(r"    use_backend over_limit .*", "", circuit_is_limited),
    "refused, and on it goes": Mutant(r"    use_backend refused_tokens .*", "", token("expired")),
    "no limit of guessing": Mutant(rule("sc2_http_req_rate"), "", guessing_is_limited),
    "a POST again": Mutant(
        "retry-on conn-failure", "retry-on all-retryable-errors", a_post_arrives_once, (rule("disable-l7-retry"), "")
    ),
    "no breaker": Mutant("observe layer7 error-limit 5 on-error mark-down", "", a_breaker_opens),
    "a body in pieces": Mutant(rule("wait-for-body"), "", a_body_is_whole),
    "the API at the admin's door": Mutant(rule("unless { path /admin }"), "", admin_is_apart),
    "HTML for what isn't HTTP": Mutant("    errorfile 400 /dev/null", "", what_isn_t_http_is_closed_upon),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(servers: object) -> Iterator[tuple[Path, Upstream]]:
    with short_folder() as place, upstream(place / "told.sock") as made:
        yield place, made


def tried(told: tuple[Path, Upstream], mutant: Mutant, *, applied: bool) -> bool:
    place, behind = told[0] / uuid.uuid4().hex[:8], told[1]
    place.mkdir()
    # The checks that this one's own service is asked by come seldom: the stand-in is shared.
    made = Gateway(place, a_door(place, behind.path, check_every=5_000, patience=1), issuers.believed()[0])
    behind.status = 200
    text = made.configuration.read_text()
    if applied:
        for taken, put in filter(all_but_empty, [(mutant.taken, mutant.put), mutant.also]):
            text, count = re.subn(taken, put, text)
            assert count, f"nothing in the configuration is like {taken}"
        made.configuration.write_text(text)
    subject = str(uuid.uuid4())
    try:
        made.start()
        behind.arrived.clear()
        who = Outsider(subject, tokens.signed(tokens.header(), tokens.claims(subject)), made)
        return mutant.holds(Pair(made, behind), who)
    except TimeoutError:
        return False
    finally:
        made.stop()


def all_but_empty(change: tuple[str, str]) -> bool:
    return bool(change[0])


@pytest.mark.parametrize("name", MUTANTS)
def test_a_rule_that_is_taken_out_is_missed(told: tuple[Path, Upstream], name: str) -> None:
    assert tried(told, MUTANTS[name], applied=False), "as it is, it holds"
    assert not tried(told, MUTANTS[name], applied=True), "nobody would notice"
