"""Every broadcast answer has one meaning, and only a clean yes about our own txid is `accepted`."""

from __future__ import annotations

from typing import Any

import pytest

from payouts.tron.broadcast import Outcome, parse_broadcast
from payouts.tron.errors import BadAnswer
from tests.payouts.tron.scripted_node import Reply, ScriptedNode

TXID = "9139062bd95d3e699921ebd8ed22387a90ff6c3e2a51b146e7cc922576b9d5d3"
OTHER = "00" * 32
PATH = "wallet/broadcasthex"


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ({"result": True, "code": "SUCCESS", "txid": TXID}, "accepted", "SUCCESS"),
        ({"result": True, "txid": TXID.upper()}, "accepted", "SUCCESS"),
        ({"result": True, "txid": OTHER}, "ambiguous", "WRONG_TXID"),
        ({"result": True}, "ambiguous", "NO_TXID"),
        ({"result": "true", "txid": TXID}, "ambiguous", "NO_CODE"),
        ({"result": 1, "txid": TXID}, "ambiguous", "NO_CODE"),
        ({"result": False, "txid": TXID}, "ambiguous", "NO_CODE"),
        ({}, "ambiguous", "NO_CODE"),
        (
            {"code": "DUP_TRANSACTION_ERROR", "message": "Dup transaction.", "txid": TXID},
            "duplicate",
            "DUP_TRANSACTION_ERROR",
        ),
        (
            {"code": "DUP_TRANSACTION_ERROR", "message": b"Dup transaction.".hex()},
            "duplicate",
            "DUP_TRANSACTION_ERROR",
        ),
        (
            {"code": "DUP_TRANSACTION_ERROR", "message": "Dup transaction.", "txid": OTHER},
            "ambiguous",
            "WRONG_TXID",
        ),
        (
            {"code": "DUP_TRANSACTION_ERROR", "message": "Transaction already exists."},
            "ambiguous",
            "DUP_TRANSACTION_ERROR",
        ),
        ({"code": "SIGERROR"}, "refused", "SIGERROR"),
        ({"code": "CONTRACT_VALIDATE_ERROR"}, "refused", "CONTRACT_VALIDATE_ERROR"),
        ({"code": "CONTRACT_EXE_ERROR"}, "refused", "CONTRACT_EXE_ERROR"),
        ({"code": "TOO_BIG_TRANSACTION_ERROR"}, "refused", "TOO_BIG_TRANSACTION_ERROR"),
        ({"code": "BANDWITH_ERROR"}, "refused", "BANDWITH_ERROR"),
        ({"code": "TAPOS_ERROR"}, "refused", "TAPOS_ERROR"),
        ({"code": "TRANSACTION_EXPIRATION_ERROR"}, "refused", "TRANSACTION_EXPIRATION_ERROR"),
        ({"code": "SERVER_BUSY"}, "busy", "SERVER_BUSY"),
        ({"code": "NO_CONNECTION"}, "busy", "NO_CONNECTION"),
        ({"code": "BLOCK_UNSOLIDIFIED"}, "busy", "BLOCK_UNSOLIDIFIED"),
        (
            {"code": "NOT_ENOUGH_EFFECTIVE_CONNECTION", "message": "Effective connection is not enough"},
            "busy",
            "NOT_ENOUGH_EFFECTIVE_CONNECTION",
        ),
        (
            {"code": "NOT_ENOUGH_EFFECTIVE_CONNECTION", "message": "P2P broadcast failed."},
            "ambiguous",
            "NOT_ENOUGH_EFFECTIVE_CONNECTION",
        ),
        ({"code": "OTHER_ERROR"}, "ambiguous", "OTHER_ERROR"),
        ({"code": "SOMETHING_NEW"}, "ambiguous", "SOMETHING_NEW"),
    ],
)
def test_an_answer_means(answer: dict[str, Any], outcome: str, code: str) -> None:
    judged = parse_broadcast(answer, TXID)
    assert (judged.outcome, judged.code) == (outcome, code)


def test_a_node_that_says_yes_and_no_is_not_believed() -> None:
    with pytest.raises(BadAnswer):
        parse_broadcast({"result": True, "code": "SIGERROR", "txid": TXID}, TXID)


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (Reply(delay=0.6), "ambiguous", "TIMEOUT"),
        (Reply(b'{"result": true, "txid": "' + TXID.encode() + b'"}', drip=0.05), "ambiguous", "TIMEOUT"),
        (Reply(b"this API is closed because this node is a lite fullnode"), "ambiguous", "NOT_JSON"),
        (Reply(b'{"result": tr'), "ambiguous", "NOT_JSON"),
        (Reply(b"[" * 100_000), "ambiguous", "NOT_JSON"),
        (Reply(b"[]"), "ambiguous", "NOT_AN_OBJECT"),
        (Reply(b"{}", headers={"Content-Length": "50"}), "ambiguous", "TIMEOUT"),
        (Reply(b'{"Error": "class java.lang.NullPointerException : null"}'), "ambiguous", "NODE_ERROR"),
        (
            Reply(b'{"Error": "class java.lang.IllegalAccessException : lack of computing resources"}'),
            "busy",
            "RATE_LIMITED",
        ),
        (Reply(status=403), "busy", "HTTP_403"),
        (Reply(status=429), "busy", "HTTP_429"),
        (Reply(status=500), "ambiguous", "HTTP_500"),
        (Reply(status=502), "ambiguous", "HTTP_502"),
        (Reply(status=307, headers={"Location": "/elsewhere"}), "ambiguous", "REDIRECT"),
    ],
)
def test_no_proper_answer_means(scripted: ScriptedNode, reply: Reply, outcome: str, code: str) -> None:
    scripted.answers[PATH] = reply
    judged = scripted.node().broadcast(b"\x0a\x00", TXID)
    assert (judged.outcome, judged.code) == (outcome, code)


def test_a_503_may_come_after_the_node_has_pooled_the_transaction(scripted: ScriptedNode) -> None:
    scripted.answers[PATH] = Reply(status=503)
    assert scripted.node().broadcast(b"\x0a\x00", TXID).outcome is Outcome.AMBIGUOUS


def test_a_node_that_is_gone_leaves_it_open(scripted: ScriptedNode) -> None:
    node = scripted.node()
    scripted.close()
    assert node.broadcast(b"\x0a\x00", TXID).outcome is Outcome.AMBIGUOUS


def test_exactly_our_bytes_go_out(scripted: ScriptedNode) -> None:
    scripted.node().broadcast(b"\x0a\x01\xff", TXID)
    assert [(path, body) for path, _, body in scripted.seen] == [(PATH, {"transaction": "0a01ff"})]
