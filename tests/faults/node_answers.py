"""What a node says to a broadcast, or to anything, and whether it did what it was asked all the same."""

from __future__ import annotations

from typing import Any

from tests.faults.rig import USDT, Rig
from tests.faults.row import HOUR, Row, all_paid_once

BROADCAST = "wallet/broadcasthex"
SENT_AGAIN = "the same bytes go out again until a block holds them; paid once"
TAKEN_ALREADY = "a block holds them, whatever was answered; paid once"
NOT_TAKEN_IN_TIME = "dead by the rule after its expiration, paid by the next attempt"
PROXY_PAGE = "<html><head><title>Gateway</title></head><body>try again</body></html>"
BITTEN = "TT6hpaVfSMZPmWKq2EfGHaSsGHSgBnCqJ9"


def by_first_attempts(rig: Rig) -> None:
    """All paid, and nobody needed a second transaction."""
    all_paid_once(rig)
    assert rig.attempts() == {"succeeded": rig.count}, rig.explain()


def by_second_attempts(rig: Rig) -> None:
    """All paid, each after one transaction that is dead."""
    all_paid_once(rig)
    assert rig.attempts() == {"dead": rig.count, "succeeded": rig.count}, rig.explain()


def broadcast(name: str, kind: str, *, daily: bool = False, lasts: int = 60, **fault: Any) -> Row:
    """Every node answers every broadcast so, for `lasts` seconds of chain time."""
    taken = fault.get("processed") or kind in ("truncate", "wrong_txid", "drip")
    return Row(
        name=name,
        expected=TAKEN_ALREADY if taken else SENT_AGAIN,
        disturb=lambda rig: rig.fault(kind, BROADCAST, **fault),
        lasts=lasts,
        expect=by_first_attempts,
        daily=daily,
    )


def refused_for_life(name: str, kind: str, **fault: Any) -> Row:
    """Every node refuses for longer than the transactions live."""
    return Row(
        name=name,
        expected=NOT_TAKEN_IN_TIME,
        disturb=lambda rig: rig.fault(kind, BROADCAST, **fault),
        lasts=240,
        expect=by_second_attempts,
    )


def away(rig: Rig) -> None:
    rig.fault("cut", "*")


def every_answer_lies(rig: Rig) -> None:
    """Ids that aren't ours to broadcasts and look-ups, and transactions that pay somebody else."""
    rig.fault("wrong_txid", BROADCAST)
    rig.fault("alter_transaction", "wallet/gettransaction*", "walletsolidity/gettransaction*", to=BITTEN)
    rig.fault(
        "alter_transaction", "wallet/getblock*", "walletsolidity/getblock*", to=BITTEN, amount=1_000 * USDT
    )


def nobody_else_was_paid(rig: Rig) -> None:
    by_first_attempts(rig)
    assert not rig.devnet.transfers(recipient=BITTEN)


ROWS = [
    broadcast("the node accepts and cuts the connection", "cut", processed=True, daily=True),
    broadcast("the node accepts and answers 502", "status", status=502, processed=True),
    broadcast("the node accepts and answers {}", "empty", processed=True),
    broadcast("the node accepts and answers result: false", "result_false", processed=True),
    broadcast("the node accepts and names another txid", "wrong_txid"),
    broadcast("the node accepts and answers HTML", "text", text=PROXY_PAGE, processed=True),
    broadcast("the node accepts and answers truncated JSON", "truncate"),
    broadcast("the node accepts and its answer drips past the time-out", "drip", bytes_per_second=20, calls=20),
    broadcast("the node accepts and hangs", "hang", seconds=20, processed=True, calls=20),
    broadcast("SERVER_BUSY", "code", code="SERVER_BUSY"),
    broadcast("BANDWITH_ERROR", "code", code="BANDWITH_ERROR"),
    broadcast("TAPOS_ERROR", "code", code="TAPOS_ERROR"),
    broadcast("DUP_TRANSACTION_ERROR, and it is true", "code", code="DUP_TRANSACTION_ERROR", processed=True),
    broadcast("DUP_TRANSACTION_ERROR, and nobody has it", "code", code="DUP_TRANSACTION_ERROR", daily=True),
    broadcast(
        "DUP_TRANSACTION_ERROR of an id that was only submitted",
        "code",
        code="DUP_TRANSACTION_ERROR",
        message="Transaction already exists.",
    ),
    broadcast("TRANSACTION_EXPIRATION_ERROR", "code", code="TRANSACTION_EXPIRATION_ERROR"),
    broadcast("SIGERROR", "code", code="SIGERROR"),
    broadcast("CONTRACT_VALIDATE_ERROR", "code", code="CONTRACT_VALIDATE_ERROR"),
    broadcast("OTHER_ERROR though it was taken", "code", code="OTHER_ERROR", processed=True),
    broadcast("OTHER_ERROR", "code", code="OTHER_ERROR"),
    broadcast(
        "P2P broadcast failed, after the node pooled it",
        "code",
        code="NOT_ENOUGH_EFFECTIVE_CONNECTION",
        message="P2P broadcast failed.",
        processed=True,
    ),
    broadcast("429 to every broadcast", "status", status=429),
    broadcast("403 to every broadcast", "status", status=403),
    broadcast("503 to every broadcast, which reached the node", "status", status=503, processed=True),
    refused_for_life("DUP_TRANSACTION_ERROR for as long as it lives, and nobody has it", "code",
                     code="DUP_TRANSACTION_ERROR"),
    refused_for_life("SIGERROR for as long as it lives", "code", code="SIGERROR"),
    Row(
        name="429 to everything for ten minutes, in mid-flight",
        expected="nothing is decided meanwhile; paid once",
        strikes="sent",
        disturb=lambda rig: rig.fault("status", "*", status=429),
        lasts=600,
        expect=by_first_attempts,
    ),
    Row(
        name="all nodes away for an hour, transactions taken just before",
        expected="nothing is decided meanwhile, then found in their blocks; paid once",
        strikes="sent",
        disturb=away,
        lasts=HOUR,
        expect=by_first_attempts,
    ),
    Row(
        name="all nodes away for an hour, before anything is released",
        expected="held, with the nodes as reason, then paid once",
        disturb=away,
        lasts=HOUR,
        expect=by_first_attempts,
    ),
    Row(
        name="all nodes away while the broadcasts are on their way",
        expected="dead by the rule once they are back, paid by the next attempt",
        disturb=lambda rig: rig.fault("cut", BROADCAST),
        lasts=240,
        expect=by_second_attempts,
    ),
    Row(
        name="another txid for our bytes, and altered transactions everywhere",
        expected="ids and bytes are ours alone: nobody else is paid, and each is paid once",
        disturb=every_answer_lies,
        lasts=120,
        expect=nobody_else_was_paid,
        daily=True,
    ),
]  # fmt: skip
