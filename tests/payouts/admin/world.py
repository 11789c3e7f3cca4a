"""An invented back office: users of every role, payouts in every state and hold, and what stands around them.

Rows are written as the parts that own them would have left them; only reading is tested here.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from kyc.models import KycRecord
from lucid_payments import clock
from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import BACK_OFFICE, Role
from lucid_payments.api import blocks
from lucid_payments.api.models import Block, BlockCause
from lucid_payments.audit import log
from lucid_payments.audit.models import AuditEntry
from lucid_payments.events import outbox
from lucid_payments.events.models import Event, WebhookDelivery, WebhookEndpoint, WebhookTry
from payouts import alarms
from payouts.models import (
    ApprovalRequest,
    ApprovalRule,
    Attempt,
    ChainState,
    LedgerAccount,
    LedgerTransfer,
    NodeAnswer,
    Payout,
    PayoutTransition,
    SessionRule,
    SignerState,
)  # fmt: skip
from payouts.models.payout import HoldReason, PayoutStatus
from routers.models import LimitWindow, RouterPolicy

PASSWORD = "correct horse battery staple"
RECIPIENT = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
OTHER_RECIPIENT = "TLa2f6VPqDgRE67v1736s7bJ8Ray5wYjU7"
HEAD = 70_000_100
INJECTION = "<script>alert('seen')</script><img src=x onerror=alert(1)>"
SIGNED_STATES = ("signed", "sent", "included", "succeeded", "reverted", "dead")
PAYING_STATES = {
    PayoutStatus.RELEASED: "prepared",
    PayoutStatus.SENT: "included",
    PayoutStatus.CONFIRMED: "succeeded",
    PayoutStatus.FAILED: "reverted",
}


@cache
def _hash() -> str:
    """Made once: hashing is slow on purpose."""
    return make_password(PASSWORD)


def user(role: str, *, second_factor: bool = True, name: str = "") -> User:
    """A user, named after the role unless there is a `name`; staff with a confirmed TOTP device."""
    made = User(username=name or role, password=_hash(), role=role)
    made.save()
    if second_factor and made.is_back_office:
        TOTPDevice.objects.create(user=made, name="authenticator", confirmed=True)
    return made


def code_of(of: User) -> str:
    """The code an authenticator shows for this user now."""
    device = TOTPDevice.objects.get(user=of)
    return f"{totp(device.bin_key, device.step, device.t0, device.digits, device.drift):06d}"


def payout(creator: User, status: str = "scheduled", hold: str | None = None, **changes: Any) -> Payout:
    """A payout in any state, with the line of its timeline that says so."""
    if status in ("failed", "rejected"):
        changes.setdefault("failure_code", "LUCID_ERR_2008" if status == "failed" else "LUCID_ERR_2014")
        changes.setdefault("failure_message", "Transaction failed: REVERT: balance too low (4 attempts)")
    if status in ("confirmed", "failed", "cancelled", "rejected"):
        changes.setdefault("ended_at", clock.now())
    fields = {"recipient_address": RECIPIENT, "amount": 5_500_000, "reason": "relay work", **changes}
    fields.setdefault("router_type", "PayoutRouterV0")
    fields.setdefault("router_conditions", {"node": True, "kyc": True, "hash": False})
    made: Payout = Payout.objects.create(creator=creator, status=status, hold_reason=hold, **fields)
    PayoutTransition.objects.create(
        payout=made, from_status="", to_status="scheduled", actor_label=str(creator), detail=made.reason
    )
    if status != "scheduled" or hold:
        PayoutTransition.objects.create(
            payout=made, from_status="scheduled", to_status=status, hold_reason=hold, actor_label="system"
        )
    made.refresh_from_db()
    return made


def attempt(of: Payout, state: str, **changes: Any) -> Attempt:
    """An attempt of `of` with its reservation; what the chain says stands on those it has seen."""
    number = of.attempts.count() + 1
    txid = hashlib.sha256(f"{of.payout_id} {number}".encode()).hexdigest()
    now = clock.now()
    reservation = transfer(of, "pending", txid="")
    seen = state in ("included", "succeeded", "reverted")
    made: Attempt = Attempt.objects.create(
        payout=of, number=number, state=state, txid=txid, raw_data=b"raw", owner_address=OTHER_RECIPIENT,
        contract_address=OTHER_RECIPIENT, recipient_address=of.recipient_address, amount=of.amount,
        fee_limit=20_000_000, expiration_ms=clock.to_ms(now) + 180_000 + reservation.pk, reference_block=HEAD - 30,
        predicted_energy=64_285, predicted_fee=13_844_850, blacklist_clear_at=now,
        blacklist_clear_block=HEAD - 12, reservation=reservation, windows=[],
        signed_transaction=b"signed" if state in SIGNED_STATES else None,
        signed_at=now if state in SIGNED_STATES else None,
        first_sent_at=now if state in SIGNED_STATES[1:] else None,
        sends=2 if state in SIGNED_STATES[1:] else 0,
        block_number=HEAD - 9 if seen else None, block_id="ab" * 32 if seen else None,
        block_timestamp=now if seen else None, result={"reverted": "REVERT"}.get(state, "SUCCESS") if seen else None,
        fee=13_500_000 if seen else None, energy_used=64_285 if seen else None, bandwidth_used=345 if seen else None,
        **changes,
    )  # fmt: skip
    if state in SIGNED_STATES[1:]:
        NodeAnswer.objects.create(attempt=made, node="node1", outcome="accepted", code="SUCCESS")
        NodeAnswer.objects.create(
            attempt=made, node="node2", outcome="refused", code="DUP_TRANSACTION_ERROR", message="Dup transaction."
        )  # fmt: skip
    if state in ("succeeded", "reverted", "dead"):
        transfer(of, "post" if state == "succeeded" else "void", pending=reservation, txid=txid)
    return made


def transfer(of: Payout, kind: str, **fields: Any) -> LedgerTransfer:
    """A ledger row of this payout; the accounts' totals aren't moved."""
    made: LedgerTransfer = LedgerTransfer.objects.create(
        kind=kind,
        debit=LedgerAccount.objects.get(name="payable_v0"),
        credit=LedgerAccount.objects.get(name="treasury"),
        amount=of.amount,
        payout=of,
        **fields,
    )
    return made


def everything() -> dict[str, User]:
    """Every state and hold, full limits, alarms, and text that would run if it weren't escaped; users by role."""
    users = {role.value: user(role) for role in Role}
    everything_of(users["service"])
    payout(
        users["node_operator"], reason=INJECTION, session_id="<b>session</b>", node_id="node-7",
        custom_data={"note": INJECTION, "nested": {"list": [1, 2, {"deep": "é"}]}},
    )  # fmt: skip
    surroundings(clock.now())
    note(users["service"], Payout.objects.latest("pk"))
    webhook(users["service"])
    blocks.block_for_offences("circuit:b", INJECTION, BlockCause.RATE_LIMIT, 30)
    return users


def everything_of(service: User) -> None:
    """A payout of this creator in every state, and in every hold."""
    now = clock.now()
    for age, reason in enumerate(HoldReason):
        status = {"approval": "awaiting_approval", "manual": "manual"}.get(reason, "scheduled")
        made = payout(
            service, status, reason, amount=1_000_000 * 7 ** (age % 5), created_at=now - timedelta(minutes=7 * age),
            recipient_address=OTHER_RECIPIENT if age % 3 else RECIPIENT,
        )  # fmt: skip
        if status == "manual":
            attempt(made, "succeeded")
    for days, (status, state) in enumerate(PAYING_STATES.items()):
        made = payout(
            service, status, router_type="PayoutRouterKYC", amount=1_234_567_890, reference_id=f"invoice-{days}",
            created_at=now - timedelta(days=days), priority=days % 4,
            request_id="req_0123456789abcdef", idempotency_key=f"key-{days}",
        )  # fmt: skip
        attempt(made, "dead")
        attempt(made, state)
    for status in ("cancelled", "rejected", "scheduled"):
        payout(service, status, created_at=now - timedelta(days=40))


@transaction.atomic
def note(actor: User, about: Payout) -> None:
    """An audit entry and an event of this payout."""
    log.record("payout.created", actor=actor, subject=about, details={"detail": INJECTION})
    outbox.emit(
        "payout.confirmed", subject_type="payout", subject_id=about.payout_id, owner=actor,
        payload={"reason": INJECTION},
    )  # fmt: skip


def webhook(owner: User) -> list[WebhookDelivery]:
    """An endpoint of this owner, with a delivery of the last event in every state."""
    now = clock.now()
    endpoint = WebhookEndpoint.objects.create(
        owner=owner, url="https://hooks.example.com/lucid?channel=payouts", created_at=now, last_success_at=now,
    )  # fmt: skip
    made = []
    for state in ("delivered", "waiting", "failed"):
        with transaction.atomic():
            event = outbox.emit("payout.sent", subject_type="payout", subject_id="payout_of_old", owner=owner)
        ended = None if state == "waiting" else now
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint, event=event, state=state, tries=1, next_at=now, created_at=now, ended_at=ended
        )
        WebhookTry.objects.create(
            delivery=delivery,
            at=now,
            milliseconds=81,
            status=200 if state == "delivered" else 502,
            answer=INJECTION,
        )
        made.append(delivery)
    return made


def surroundings(now: datetime) -> None:
    """Chain, signer, treasury, limits of this hour and day, and two alarms, one of them over."""
    ChainState.objects.filter(pk=1).update(
        head_number=HEAD, head_time_ms=clock.to_ms(now), solid_number=HEAD - 18, solid_id="cd" * 32,
        solid_time_ms=clock.to_ms(now) - 54_000, read_at=now, operators_usable=2, treasury_usdt=25_000_000_000,
        treasury_trx=1_200_000_000, treasury_read_at=now, treasury_block=HEAD, statement_at=now, head_scanned=HEAD,
        solid_scanned=HEAD - 18, quarantine={"node3": "two answers for one block"},
    )  # fmt: skip
    SignerState.objects.filter(pk=1).update(
        heartbeat_at=now, address=OTHER_RECIPIENT, journal_head="ef" * 32, journal_seq=7
    )
    LedgerAccount.objects.filter(name="treasury").update(
        debits_posted=25_000_000_000, credits_pending=40_000_000
    )
    hour = now.replace(minute=0, second=0, microsecond=0)
    for key, scope in (("", "global"), ("PayoutRouterV0", "router"), ("PayoutRouterKYC", "router")):
        for period, start, cap in (
            ("hour", hour, 1_000_000_000),
            ("day", hour.replace(hour=0), 10_000_000_000),
        ):
            LimitWindow.objects.create(
                scope=scope, key=key, period=period, starts_at=start, cap=cap, posted=420_000_000,
                reserved=130_500_000,
            )  # fmt: skip
    alarms.raise_alarm("treasury_trx", "1,200 TRX are left: enough for about 86 payouts.")
    alarms.raise_alarm("nodes", "1 of the 2 node operators needed can be used.")
    alarms.clear(["nodes"])


def back_office_roles() -> list[str]:
    return sorted(role.value for role in BACK_OFFICE)


LISTS = {
    "/admin/payouts/payout/": "payouts",
    "/admin/payouts/payoutslot/": "payouts",
    "/admin/payouts/approvalrequest/": "payouts",
    "/admin/payouts/approvalrule/": "limits",
    "/admin/payouts/sessionrule/": "limits",
    "/admin/payouts/sessionpayment/": "events",
    "/admin/payouts/payoutupload/": "payouts",
    "/admin/payouts/manualcase/": "payouts",
    "/admin/kyc/kycrecord/": "kyc",
    "/admin/routers/limitwindow/": "limits",
    "/admin/routers/routerpolicy/": "limits",
    "/admin/payouts/treasury/": "treasury",
    "/admin/payouts/chainstate/": "chain",
    "/admin/payouts/alarm/": "alarms",
    "/admin/payouts/ledgeraccount/": "ledger",
    "/admin/payouts/ledgertransfer/": "ledger",
    "/admin/payouts/reconciliationrun/": "ledger",
    "/admin/payouts/reconciliationcase/": "ledger",
    "/admin/payouts/report/": "ledger",
    "/admin/payouts/runroot/": "ledger",
    "/admin/audit/auditentry/": "audit",
    "/admin/audit/publishedhead/": "audit",
    "/admin/api/block/": "people",
    "/admin/events/event/": "events",
    "/admin/events/webhookendpoint/": "events",
    "/admin/events/webhookdelivery/": "events",
    "/admin/backoffice/twopersonact/": "acts",
    "/admin/accounts/user/": "people",
    "/admin/kyc/attestation/": "attestations",
    "/admin/kyc/authoritykey/": "attestations",
    "/admin/kyc/awaitingattestation/": "attestations",
    "/admin/kyc/wallet/": "recipients",
    "/admin/kyc/listversion/": "lists",
    "/admin/kyc/screeningcase/": "kyc",
    "/admin/kyc/provideranswer/": "kyc",
    "/admin/kyc/addressentry/": "recipients",
}


def every_page() -> list[str]:
    """The address of every list, and of every row that has a page."""
    pages = ["/admin/", *LISTS]
    pages += [f"/admin/payouts/payout/{row.payout_id}/" for row in Payout.objects.all()]
    pages += [f"/admin/audit/auditentry/{row.pk}/" for row in AuditEntry.objects.all()]
    pages += [f"/admin/routers/routerpolicy/{row.pk}/" for row in RouterPolicy.objects.all()]
    pages += [f"/admin/payouts/approvalrequest/{row.pk}/" for row in ApprovalRequest.objects.all()]
    pages += [f"/admin/payouts/approvalrule/{row.pk}/" for row in ApprovalRule.objects.all()]
    pages += [f"/admin/payouts/sessionrule/{row.pk}/" for row in SessionRule.objects.all()]
    pages += [f"/admin/api/block/{row.pk}/" for row in Block.objects.all()]
    pages += [f"/admin/events/event/{row.event_id}/" for row in Event.objects.all()]
    pages += [f"/admin/events/webhookendpoint/{row.webhook_id}/" for row in WebhookEndpoint.objects.all()]
    pages += [f"/admin/events/webhookdelivery/{row.pk}/" for row in WebhookDelivery.objects.all()]
    pages += [f"/admin/kyc/kycrecord/{row.public_id}/" for row in KycRecord.objects.all()]
    return pages
