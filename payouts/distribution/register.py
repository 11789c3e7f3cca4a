"""The register of nodes, as Blockchain Core's events have it by now: whatever order they came in.

Core says that a node is there, for which operator, and how good it is. It makes nobody verified, moves no wallet and
hands no node from one operator to another: those are people's matters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db import connection, transaction

from kyc.models import Node, NodeOperator
from lucid_payments.audit import log
from lucid_payments.locks import hold_names
from payouts.models.work import WorkEvent, WorkKind

SYSTEM: Final = "blockchain core"
_STANDING: Final = (WorkKind.NODE_REGISTERED.value, WorkKind.NODE_DEREGISTERED.value)
# The latest by what it says of its own time, of those that no other event about the same thing corrects.
_LATEST: Final = f"""
SELECT DISTINCT ON (node_id) node_id, kind, operator_id, score FROM {WorkEvent._meta.db_table} AS told
WHERE node_id = ANY(%(nodes)s) AND kind = ANY(%(kinds)s) AND kind <> 'session-completed'
    AND NOT EXISTS (
        SELECT FROM {WorkEvent._meta.db_table} AS later
        WHERE later.corrects = told.event_id AND later.kind = ANY(%(kinds)s)
    )
ORDER BY node_id, occurred_at DESC, id DESC
"""  # noqa: S608 - a table's name, and parameters
# Nodes that Core has told of and that aren't there, though their operator is by now.
_WAITING: Final = f"""
SELECT DISTINCT told.node_id FROM {WorkEvent._meta.db_table} AS told
JOIN {NodeOperator._meta.db_table} AS operator ON operator.operator_id = told.operator_id
WHERE told.kind = 'node-registered'
    AND NOT EXISTS (SELECT FROM {Node._meta.db_table} AS node WHERE node.node_id = told.node_id)
LIMIT 1000
"""  # noqa: S608 - tables' names


@dataclass(frozen=True, slots=True)
class Told:
    """What Core says of a node by now; None where it has said nothing."""

    registered_to: str | None
    score: Decimal | None


def follow(node_ids: Collection[str]) -> None:
    """Bring these nodes to what has been told of them. In the transaction that writes it down.

    A node whose operator isn't known yet is made by `follow_late` once it is.
    """
    # Two reports about a node at once: the second waits, and sees what the first has told.
    hold_names([f"node {node_id}" for node_id in node_ids])
    standing = _latest(node_ids, _STANDING)
    scores = _latest(node_ids, [WorkKind.NODE_REPUTATION.value])
    known = Node.objects.select_related("operator").in_bulk(node_ids, field_name="node_id")
    for node_id in sorted(node_ids):
        kind, operator, _ = standing.get(node_id, (None, None, None))
        told = Told(
            operator if kind == WorkKind.NODE_REGISTERED else None,
            scores[node_id][2] if node_id in scores else None,
        )
        node = known.get(node_id)
        if node is not None:
            _change(node, told, is_told=kind is not None)
        elif told.registered_to is not None:
            _make(node_id, told)


@transaction.atomic
def follow_late() -> int:
    """Make the nodes whose operator has come since they were told of; how many were looked at."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        waiting = [node_id for (node_id,) in cursor.fetchall()]
    if waiting:
        follow(waiting)
    return len(waiting)


def _latest(node_ids: Collection[str], kinds: Collection[str]) -> dict[str, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"nodes": list(node_ids), "kinds": list(kinds)})
        return {node_id: tuple(rest) for node_id, *rest in cursor.fetchall()}


def _make(node_id: str, told: Told) -> None:
    operator = NodeOperator.objects.filter(operator_id=told.registered_to).first()
    if operator is None:
        return
    node = Node.objects.create(node_id=node_id, operator=operator, reputation=told.score)
    details = {"node": node_id, "operator": operator.operator_id}
    log.record("node.registered", actor=SYSTEM, subject=node, details=details)


def _change(node: Node, told: Told, *, is_told: bool) -> None:
    """Who is registered for somebody else than its operator isn't active until people have looked at it."""
    active = told.registered_to == node.operator.operator_id if is_told else node.is_active
    score = node.reputation if told.score is None else told.score
    if (active, score) == (node.is_active, node.reputation):
        return
    changed: dict[str, list[Any]] = {}
    if active != node.is_active:
        changed["active"] = [node.is_active, active]
        if told.registered_to not in (None, node.operator.operator_id):
            changed["registered_to_another"] = [node.operator.operator_id, told.registered_to]
    if score != node.reputation:
        changed["reputation"] = [str(node.reputation), str(score)]
    Node.objects.filter(pk=node.pk).update(is_active=active, reputation=score)
    log.record("node.changed", actor=SYSTEM, subject=node, details={"node": node.node_id, **changed})
