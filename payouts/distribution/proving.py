"""The proof of a settled run: a leaf for each recipient, the tree over them, and its root signed for publishing.

A leaf says what was earned and brought forward, and by which transactions it was paid; a random salt keeps who knows
one leaf from trying out its neighbours'. Everything is checked before it is signed: what doesn't add up gets no root.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC
from typing import IO, Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery

from lucid_payments import clock
from lucid_payments.audit import publication
from payouts import chain
from payouts.distribution import lifecycle, merkle, verify
from payouts.models.attempt import Attempt, AttemptState
from payouts.models.distribution import Chunk, DistributionRun, Entitlement, Outcome, RunState
from payouts.models.payout import PayoutStatus
from payouts.models.proof import RunLeaf, RunRoot

_A_FETCH: Final = 2_000


class NotProvable(Exception):
    """The run's figures don't add up, or there is no key: nothing was signed. The text says why."""


@transaction.atomic
def prove(pk: int) -> RunRoot:
    """Write the leaves and the signed root of a settled run; the one that is there already stays.

    Memory grows by a hash a recipient alone. Raises NotProvable, RunRefused for a run that isn't settled, and
    HeadKeyError for a key that can't be read.
    """
    run = lifecycle.lock(pk)
    lifecycle.require(run, RunState.SETTLED)
    existing = RunRoot.objects.filter(run=run).first()
    if existing is not None:
        return existing
    if not publication.has_key():
        raise NotProvable("AUDIT_HEAD_KEY_FILE names no key: the root can't be signed.")
    with tempfile.TemporaryFile() as lines:
        totals, hashes = _write_down(run, lines)
        _require_sound(run, totals)
        tree = merkle.Tree(hashes)
        root = _publish(run, totals, tree)
        lines.seek(0)
        _keep(root, tree, lines)
    return root


def statement_of(run: DistributionRun, totals: dict[str, int], tree: merkle.Tree) -> dict[str, Any]:
    """What is signed, but for the key's name."""
    return {
        "type": verify.ROOT,
        "deployment": settings.DEPLOYMENT,
        "network": settings.TRON_NETWORK,
        "contract": chain.network().usdt_contract,
        "period": run.period,
        "run_hash": run.run_hash,
        "size": len(tree),
        "pool": run.pool,
        "paid": totals["paid"],
        "carried_forward": totals["carried_forward"],
        "root": tree.root.hex(),
        "at": clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _write_down(run: DistributionRun, lines: IO[bytes]) -> tuple[dict[str, int], list[bytes]]:
    """Each recipient's leaf as a line of `lines`, with its entitlement's key; the sums, and the leaves' hashes."""
    totals: dict[str, int] = defaultdict(int)
    hashes = []
    for line, leaf in _leaves(run):
        try:
            verify.check_leaf(leaf)
        except verify.Wrong as wrong:
            raise NotProvable(f"{line.kind} {line.recipient}: {wrong}") from None
        if leaf["paid"] != line.paid or line.committed != line.paid:
            raise NotProvable(
                f"{line.kind} {line.recipient}: its payments aren't what it is said to be paid."
            )
        for name in ("share", "brought_forward", "paid", "carried_forward"):
            totals[name] += leaf[name]
        content = verify.canonical(leaf)
        hashes.append(merkle.leaf_hash(content))
        lines.write(b"%d " % line.pk + content + b"\n")
    return totals, hashes


def _leaves(run: DistributionRun) -> Iterator[tuple[Entitlement, dict[str, Any]]]:
    """In the order of payment."""
    payments = _payments(run)
    following = next(payments, None)
    for line in Entitlement.objects.filter(run=run).order_by("rank").iterator(chunk_size=_A_FETCH):
        own = []
        while following is not None and following[0] == line.rank:
            own.append(following[1])
            following = next(payments, None)
        yield line, leaf_of(run, line, own)


def leaf_of(run: DistributionRun, line: Entitlement, payments: list[dict[str, Any]]) -> dict[str, Any]:
    left = line.amount - line.paid
    return {
        "type": verify.LEAF,
        "salt": secrets.token_hex(16),
        "period": run.period,
        "recipient_type": line.kind,
        "recipient": line.recipient,
        "address": line.pay_to,
        "credits": line.credits,
        "share": line.share,
        "brought_forward": line.carried_in,
        "paid": line.paid,
        "carried_forward": left,
        "reason": _reason(line) if left else "",
        "payments": payments,
    }


def _reason(line: Entitlement) -> str:
    if line.outcome == Outcome.CARRY:
        return "below the minimum"
    reason: str = line.get_hold_reason_display()
    return f"held: {reason.lower()}" if reason else "not paid"


def _payments(run: DistributionRun) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each confirmed payout of the run with its recipient's rank, by rank and chunk."""
    paying = Attempt.objects.filter(payout=OuterRef("payout"), state=AttemptState.SUCCEEDED)
    rows = (
        Chunk.objects.filter(entitlement__run=run, payout__status=PayoutStatus.CONFIRMED)
        .order_by("entitlement__rank", "number", "attempt")
        .annotate(txid=Subquery(paying.values("txid")))
        .values_list(
            "entitlement__rank", "number", "payout__payout_id", "payout__recipient_address", "payout__amount",
            "txid",
        )
    )  # fmt: skip
    for rank, number, payout_id, address, amount, txid in rows.iterator(chunk_size=_A_FETCH):
        yield (
            rank,
            {
                "chunk": number,
                "payout": payout_id,
                "address": address,
                "amount": amount,
                "txid": txid or "",
            },
        )


def _require_sound(run: DistributionRun, totals: dict[str, int]) -> None:
    """The sums that hold for every run, whoever computed it."""
    if totals["share"] != run.pool or totals["brought_forward"] != run.carried_in:
        raise NotProvable(
            "The shares aren't the pool, or what was brought forward isn't what the freeze took in."
        )
    if run.pool + run.carried_in != totals["paid"] + totals["carried_forward"]:
        raise NotProvable("Pool and what was brought forward aren't what was paid and carried forward.")


def _publish(run: DistributionRun, totals: dict[str, int], tree: merkle.Tree) -> RunRoot:
    statement, public = publication.signed(statement_of(run, totals, tree))
    return RunRoot.objects.create(
        run=run, size=len(tree), root=tree.root.hex(), statement=statement, public_key=public
    )


def _keep(root: RunRoot, tree: merkle.Tree, lines: IO[bytes]) -> None:
    waiting: list[RunLeaf] = []
    for place, line in enumerate(lines):
        entitlement, content = line.rstrip(b"\n").split(b" ", 1)
        leaf = RunLeaf(
            root=root,
            entitlement_id=int(entitlement),
            place=place,
            content=content.decode(),
            path=b"".join(tree.path(place)),
        )
        waiting.append(leaf)
        if len(waiting) == _A_FETCH:
            RunLeaf.objects.bulk_create(waiting)
            waiting = []
    RunLeaf.objects.bulk_create(waiting)


def proof_of(leaf: RunLeaf) -> dict[str, Any]:
    """The file that `verify.py` checks; the leaf with its root at hand (`select_related`)."""
    path = bytes(leaf.path)
    return {
        "type": verify.PROOF,
        "leaf": json.loads(leaf.content),
        "index": leaf.place,
        "path": [
            path[place : place + merkle.HASH_BYTES].hex() for place in range(0, len(path), merkle.HASH_BYTES)
        ],
        "root": leaf.root.statement,
        "public_key": leaf.root.public_key,
    }


def as_file(leaf: RunLeaf) -> bytes:
    """The same for reading, too: indented, keys in order."""
    return (json.dumps(proof_of(leaf), indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()
