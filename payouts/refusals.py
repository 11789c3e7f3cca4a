"""Why an order isn't accepted: everything that is checked before a payout has a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection

from kyc import limits as attestations
from kyc import screening
from kyc.attestation import in_force
from kyc.attestation.in_force import Standing
from kyc.limits import UNLIMITED, AttestedLimits
from kyc.screening import Look
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.api.errors import (
    AmountTooHigh,
    InvalidAddress,
    InvalidRequest,
    LucidError,
    PermissionRefused,
    ReferenceUsed,
    SessionPaid,
)
from lucid_payments.money import format_usdt
from payouts import own_sessions, screened, treasury_keys
from payouts.approvals import rules
from payouts.distribution import paid_sessions
from payouts.distribution.paid_sessions import First
from payouts.models.payout import (
    MAXIMUM_AMOUNT,
    MINIMUM_AMOUNT,
    HoldReason,
    OnLimit,
    Payout,
    PayoutStatus,
    Priority,
)
from payouts.models.slot import PayoutSlot
from payouts.order import PayoutOrder
from payouts.screened import Refused
from payouts.slots import joining
from payouts.tron import addresses
from payouts.tron.networks import NETWORKS
from routers import limits, policy, selection, standing
from routers.choices import RouterType
from routers.policy import Policies
from routers.selection import RouterDecision

# Raises the LucidError that says why an order isn't accepted.
_Look = Callable[[PayoutOrder], None]


@dataclass(slots=True)
class Desk:
    """Where the orders of one request are looked at, one after the other.

    What is asked of the database is asked once for all of them. One caller's requests take turns until their
    transactions end: of two at once that name the same reference or payout, the second sees the first's.
    """

    creator: User
    policies: Policies
    own_nodes: frozenset[str]
    # The nodes that are named, as they stand, and what their attestations allow.
    nodes: dict[str, Standing]
    attested: dict[str, AttestedLimits]
    # The caller's references that are taken, with the payout of each; the payouts to be replaced, by id.
    references: dict[str, str]
    replaceable: dict[str, Payout]
    replaced_already: set[int]
    # The live payouts that name a session of these orders, by session and recipient.
    sessions: dict[tuple[str, str], First]
    # The sessions of these orders that a month's run has counted, and those that are somebody else's work.
    counted: frozenset[str]
    foreign: set[str]
    hold_while_open: bool
    # When they are looked at, UTC.
    at: datetime
    # What the sanctions lists in force say of the recipients.
    look: Look
    refused: Refused
    # Named by an order of this request before.
    _named: set[tuple[str, str, str]] = field(default_factory=set)
    _decisions: dict[tuple[str | None, str, str | None], RouterDecision] = field(default_factory=dict)
    _refusals: dict[str, LucidError | None] = field(default_factory=dict)

    @classmethod
    def open(
        cls, creator: User, orders: Sequence[PayoutOrder], refused: Refused, *, hold_while_open: bool = False
    ) -> Desk:
        """Only inside a transaction. `refused` is told of the recipients that are listed."""
        sessions = {order.session_id for order in orders if order.session_id}
        _take_turns(creator, sessions)
        known = paid_sessions.known(sessions)
        replaceable = _replaceable(creator, [order.retry_of for order in orders if order.retry_of])
        pks = [payout.pk for payout in replaceable.values()]
        named = {order.node_id for order in orders if order.node_id}
        nodes = in_force.standings(named)
        taken = (
            Payout.objects.filter(retry_of_id__in=pks).values_list("retry_of_id", flat=True) if pks else ()
        )
        references = _references(creator, [order.reference_id for order in orders if order.reference_id])
        # After the locks: whoever waited for one asks now.
        policies = policy.current()
        at = policies.at
        refused.look = screening.look({order.recipient_address for order in orders}, at)
        return cls(
            creator=creator,
            policies=policies,
            own_nodes=_own_nodes(creator, named),
            nodes=nodes,
            attested={node_id: attestations.of_standing(nodes.get(node_id)) for node_id in named},
            references=references,
            replaceable=replaceable,
            replaced_already={pk for pk in taken if pk is not None},
            sessions=known.payouts,
            counted=known.counted,
            foreign=own_sessions.foreign(creator, sessions) if sessions else set(),
            hold_while_open=hold_while_open,
            at=at,
            look=refused.look,
            refused=refused,
        )

    def decide(self, order: PayoutOrder) -> RouterDecision:
        """The router that will pay it. Raises the LucidError that says why the order isn't accepted."""
        for look in self._before_the_router():
            look(order)
        decision = self._decision(order)
        for look in self._by_the_router(decision.router):
            look(order)
        return decision

    def problems(self, order: PayoutOrder) -> tuple[RouterDecision | None, list[LucidError]]:
        """All that `decide` would refuse the order for, one after the other, instead of the first alone."""
        found: list[LucidError] = []
        for look in self._before_the_router():
            _gather(look, order, found)
        decision = None
        try:
            decision = self._decision(order)
        except LucidError as error:
            found.append(error)
        for look in self._by_the_router(decision.router if decision is not None else None):
            _gather(look, order, found)
        return decision, found

    def refuse_more_than_a_day(self, decided: Sequence[tuple[PayoutOrder, RouterDecision]]) -> None:
        """Raises AmountTooHigh: what could never go in one day is a mistake more often than a wish."""
        total = sum(order.amount for order, _ in decided)
        limits = {"daily_limit": self.policies.everybody.daily_limit}
        of_creator = self.policies.creator_limit(self.creator.role)
        if of_creator is not None:
            limits["creator_limit"] = of_creator
        totals = [(name, limit, total) for name, limit in limits.items()]
        for router in {decision.router for _, decision in decided}:
            its = sum(order.amount for order, decision in decided if decision.router == router)
            totals.append(("daily_limit", self.policies.daily_limit(router), its))
        for name, limit, amount in totals:
            if amount > limit:
                raise AmountTooHigh(
                    {"limit_name": name, "limit": format_usdt(limit), "amount": format_usdt(amount)}
                )

    def hold(self, order: PayoutOrder, slot: PayoutSlot | None) -> HoldReason | None:
        """Why an accepted order, which goes with this slot, doesn't go at once."""
        found = screened.refusal(order.recipient_address, self.look)
        if found is not None and (found[0] == HoldReason.SCREENING or slot is None):
            return found[0]
        return joining.hold_of(slot)

    def replaced(self, order: PayoutOrder) -> Payout | None:
        """The payout that this order replaces, once `decide` has accepted it."""
        return self.replaceable[order.retry_of] if order.retry_of else None

    def _before_the_router(self) -> Iterator[_Look]:
        yield _check_recipient
        yield self._check_role
        yield _check_amount

    def _by_the_router(self, router: str | None) -> Iterator[_Look]:
        """None: no router would pay it, and what depends on one isn't asked."""
        if router is not None:
            if not self.hold_while_open:
                yield lambda order: self._refuse_while_open(router)
            yield lambda order: self._refuse_what_never_fits(order, router)
            yield lambda order: selection.refuse_batch_type(order.batch_type, router, self.policies)
        yield self._check_reference
        yield self._check_session
        yield self._check_replaced
        if router is not None:
            yield lambda order: self._refuse_what_waits_for_tomorrow(order, router)
        # Last: only what would have been paid opens a case.
        yield lambda order: screened.refuse_listed(order, self.refused)

    def _decision(self, order: PayoutOrder) -> RouterDecision:
        # End users are paid through V0, also where the rule would choose for a node (contract.md, "Roles").
        wanted = RouterType.V0.value if self.creator.role == Role.END_USER else order.router_type
        asked = (order.node_id, order.recipient_address, wanted)
        if order.node_id is None:
            # Without a node the rule looks at nothing of the recipient.
            asked = (None, "", wanted)
        if asked not in self._decisions:
            self._decisions[asked] = selection.select_router(
                standing=self.nodes.get(order.node_id or ""),
                recipient_address=order.recipient_address,
                at=self.at,
                asked_for=wanted,
            )
        return self._decisions[asked]

    def _refuse_while_open(self, router: str) -> None:
        if router not in self._refusals:
            try:
                standing.refuse_while_open(router)
                self._refusals[router] = None
            except LucidError as error:
                self._refusals[router] = error
        refusal = self._refusals[router]
        if refusal is not None:
            raise refusal

    def _check_role(self, order: PayoutOrder) -> None:
        """contract.md, "Roles": who may ask for what."""
        role = self.creator.role
        if not self.creator.may("payment:create"):
            raise PermissionRefused()
        if role == Role.END_USER and order.router_type == RouterType.KYC:
            raise PermissionRefused({"router_type": ["End users are paid through PayoutRouterV0."]})
        if order.priority == Priority.URGENT and role not in (Role.ADMIN, Role.SERVICE):
            raise PermissionRefused({"priority": ["URGENT is for the roles admin and service."]})
        if role == Role.NODE_OPERATOR and order.node_id and order.node_id not in self.own_nodes:
            raise PermissionRefused({"node_id": ["This node isn't one of yours."]})

    def _check_reference(self, order: PayoutOrder) -> None:
        if order.reference_id is None:
            return
        first = self.references.get(order.reference_id)
        if first is not None:
            raise ReferenceUsed({"reference_id": ["This reference was used before."], "payout_id": first})
        self._name_once("reference_id", order.reference_id)

    def _check_session(self, order: PayoutOrder) -> None:
        if not order.session_id:
            return
        if order.session_id in self.foreign:
            raise PermissionRefused({"session_id": ["This session isn't one of yours."]})
        if order.session_id in self.counted:
            raise SessionPaid({"session_id": ["This session is counted in a month's distribution."]})
        first = self.sessions.get((order.session_id, order.recipient_address))
        if first is not None:
            own = {"payout_id": first.payout_id} if first.creator_id == self.creator.pk else {}
            raise SessionPaid({"session_id": ["This session is paid to this recipient already."], **own})
        self._name_once("session_id", order.session_id, order.recipient_address)

    def _check_replaced(self, order: PayoutOrder) -> None:
        if order.retry_of is None:
            return
        old = self.replaceable.get(order.retry_of)
        if old is None:
            raise InvalidRequest({"retry_of": ["There is no payout of yours with this id."]})
        if old.status not in (PayoutStatus.FAILED, PayoutStatus.CANCELLED):
            raise InvalidRequest(
                {
                    "retry_of": [
                        f"Only a failed or cancelled payout can be replaced; it is {old.public_status}."
                    ]
                }
            )
        if old.pk in self.replaced_already:
            raise InvalidRequest({"retry_of": ["This payout has been replaced already."]})
        self._name_once("retry_of", order.retry_of)

    def _name_once(self, name: str, value: str, recipient: str = "") -> None:
        if (name, value, recipient) in self._named:
            raise InvalidRequest({name: ["An earlier payout of this batch has the same."]})
        self._named.add((name, value, recipient))

    def _refuse_what_never_fits(self, order: PayoutOrder, router: str) -> None:
        selection.refuse_what_never_fits(
            order.amount,
            router,
            role=self.creator.role,
            policies=self.policies,
            attested=self.attested.get(selection.subject_of(router, order.node_id), UNLIMITED),
        )

    def _refuse_what_waits_for_tomorrow(self, order: PayoutOrder, router: str) -> None:
        if order.on_limit != OnLimit.REFUSE:
            return
        claim = limits.Claim(
            router,
            order.recipient_address,
            self.creator.pk,
            self.creator.role,
            order.amount,
            subject=selection.subject_of(router, order.node_id),
        )
        room = limits.room(self.at, [claim])
        name = room.refusal(claim)
        if name is not None and name != HoldReason.HOURLY_LIMIT:
            limit = min((room.windows[slot].cap for slot in room.full), default=0)
            raise AmountTooHigh(
                {
                    "limit_name": name,
                    "limit": format_usdt(limit),
                    "amount": format_usdt(order.amount),
                    "on_limit": "refuse",
                }
            )


def usdt_contract() -> str:
    """The one USDT contract of the network that is configured."""
    return NETWORKS[settings.TRON_NETWORK].usdt_contract


def require_payable(address: str) -> None:
    """Raises `addresses.InvalidAddress` for what must not be paid: the token's contract, our treasury, no address."""
    for own in treasury_keys.configured():
        addresses.check_recipient(address, contract=usdt_contract(), treasury=own)


def _check_recipient(order: PayoutOrder) -> None:
    try:
        require_payable(order.recipient_address)
    except addresses.InvalidAddress as error:
        raise InvalidAddress({"recipient_address": [str(error)]}) from None


def _check_amount(order: PayoutOrder) -> None:
    if not MINIMUM_AMOUNT <= order.amount <= MAXIMUM_AMOUNT:
        raise InvalidRequest({"amount_usdt": ["The amount must be from 0.01 to 10000 USDT."]})


def _gather(look: _Look, order: PayoutOrder, found: list[LucidError]) -> None:
    try:
        look(order)
    except LucidError as error:
        found.append(error)


def _own_nodes(creator: User, named: set[str]) -> frozenset[str]:
    operator = (
        getattr(creator, "node_operator", None) if named and creator.role == Role.NODE_OPERATOR else None
    )
    if operator is None:
        return frozenset()
    return frozenset(operator.nodes.filter(node_id__in=named).values_list("node_id", flat=True))


_USED: Final = f"""
SELECT reference_id, payout_id FROM {Payout._meta.db_table} WHERE creator_id = %s AND reference_id = ANY(%s)
"""  # noqa: S608 - a table's name, and parameters


def _take_turns(creator: User, sessions: Collection[str]) -> None:
    """One caller's requests come one by one: what each adds to the day that approvals are asked by, the next one sees,
    and of two with one reference the second finds it used. So do all callers' that name the same session.
    """
    paid_sessions.hold(sessions, rules.hold_creator(creator))


def _references(creator: User, named: Sequence[str]) -> dict[str, str]:
    """A reference is used once per caller, for ever."""
    if not named:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_USED, [creator.pk, list(named)])
        return dict(cursor.fetchall())


def _replaceable(creator: User, named: Sequence[str]) -> dict[str, Payout]:
    if not named:
        return {}
    rows = Payout.objects.select_for_update().filter(creator=creator, payout_id__in=named).order_by("pk")
    return {payout.payout_id: payout for payout in rows}
