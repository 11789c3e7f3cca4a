"""What people do to a monthly run: open, compute, approve, schedule, pause, settle, and look after who is held."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments import clock, nudge
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, Outcome, Performance
from lucid_payments.backoffice.fields import AmountField
from lucid_payments.backoffice.policy import Verdict
from lucid_payments.money import format_usdt
from payouts.distribution import (
    approving,
    capacity,
    computing,
    freezing,
    holding,
    preview,
    settling,
    standing,
    steering,
)
from payouts.distribution.lifecycle import RunRefused
from payouts.distribution.periods import NoPeriod, Period
from payouts.distribution.preview import Preview
from payouts.models.distribution import (
    DistributionRun,
    Entitlement,
    EntitlementState,
    LineHold,
    PoolKind,
    RunState,
)

_STAMP: Final = "%Y-%m-%d %H:%M"


def page_url(run: DistributionRun) -> str:
    return reverse("admin:payouts_distributionrun_change", args=[run.period])


class PeriodForm(forms.Form):
    """Any month that has ended."""

    period = forms.CharField(
        label="Month", max_length=7, help_text="As in 2026-10. Its cut-off must have passed."
    )

    def clean_period(self) -> str:
        try:
            return str(Period.parse(self.cleaned_data["period"]))
        except NoPeriod as error:
            raise forms.ValidationError(str(error)) from None


class PoolForm(forms.Form):
    """The pool; the amount becomes base units."""

    pool_kind = forms.ChoiceField(label="The pool is", choices=PoolKind.choices)
    amount = AmountField(minimum=1, label="USDT", help_text="All of it, or what one credit is worth.")


class StartForm(forms.Form):
    """When to begin, UTC."""

    at = forms.CharField(
        label="Begins (UTC)", max_length=16, help_text="As in 2026-10-31 08:00; the past means now."
    )

    def clean_at(self) -> str:
        try:
            _moment(self.cleaned_data["at"])
        except ValueError:
            raise forms.ValidationError("Give a date and a time, as in 2026-10-31 08:00.") from None
        return str(self.cleaned_data["at"])


class Open(Act):
    kind = "distribution.open"
    title = "Open a month's run by hand"
    verb = "Open a month by hand"
    minimum_reason = 0
    form_class = PeriodForm

    def find(self, key: str) -> None:
        return None

    def lock(self, key: str) -> None:
        return None

    def label_with(self, subject: None, data: Mapping[str, Any]) -> str:
        return f"Run {data['period']}"

    def key_with(self, key: str, data: Mapping[str, Any]) -> str:
        return str(data["period"])

    def initial(self, subject: None) -> dict[str, Any]:
        return {"period": str(Period.last_ended(clock.now()))}

    def consequences(self, subject: None, data: Mapping[str, Any]) -> list[str]:
        return [
            "The month's work, what is left over from earlier runs and every address are frozen once the chain has a"
            " final block behind the cut-off. Nothing is paid by that.",
            "A month has one run, for ever.",
        ]

    def perform(self, subject: None, performance: Performance) -> Outcome:
        run = freezing.open_run(Period.parse(performance.data["period"]), actor=performance.actor)
        nudge.after_commit(steering.TASK)
        return Outcome(f"{run} is open; it will be frozen in a moment.", page_url(run))


class RunAct(Act):
    """An act on one run, whose key is its period."""

    states: ClassVar[tuple[RunState, ...]]
    minimum_reason: ClassVar[int] = 0

    def find(self, key: str) -> DistributionRun:
        return self._get(DistributionRun.objects.all(), key)

    def lock(self, key: str) -> DistributionRun:
        return self._get(DistributionRun.objects.select_for_update(of=("self",)), key)

    def facts(self, subject: DistributionRun) -> dict[str, str]:
        found = {
            "Month": subject.period,
            "State": subject.get_state_display(),
            "Recipients": f"{subject.recipients:,}",
            "Credits": f"{subject.credits:,}",
        }
        if subject.run_hash and subject.state not in (RunState.DRAFT, RunState.FROZEN):
            figures = preview.of(subject)
            found |= {
                "Pool": f"{format_usdt(subject.pool)} USDT",
                "To be paid": _part(figures.to_pay),
                "Carried over": _part(figures.carried),
                "Held": _part(figures.held),
                "Hash": subject.run_hash,
            }
        return found

    def version(self, subject: DistributionRun) -> str:
        """Payouts come and go while people read; the run and its figures must not have moved."""
        return acts.fingerprint({"version": subject.version, "hash": subject.run_hash})

    def allowed(self, user: Any, subject: DistributionRun) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and subject.state not in self.states:
            wanted = " or ".join(state.label.lower() for state in self.states)
            return Verdict(False, f"This is for a run that is {wanted}.")
        return verdict

    def _get(self, rows: Any, key: str) -> DistributionRun:
        found: DistributionRun | None = rows.filter(period=key).first()
        if found is None:
            raise Http404("no such run")
        return found


class Compute(RunAct):
    kind = "distribution.compute"
    title = "Compute the shares"
    verb = "Enter the pool and compute"
    states = (RunState.FROZEN, RunState.COMPUTED)
    form_class = PoolForm
    reviewed = True

    def initial(self, subject: DistributionRun) -> dict[str, Any]:
        known = subject if subject.pool_kind else None
        before = DistributionRun.objects.filter(period__lt=subject.period).exclude(pool_kind="").first()
        run = known or before
        if run is None or run.pool_amount is None:
            return {}
        return {"pool_kind": run.pool_kind, "amount": format_usdt(run.pool_amount)}

    def consequences(self, subject: DistributionRun, data: Mapping[str, Any]) -> list[str]:
        """With an answer: what the same code finds, rolled back."""
        if not data:
            return [
                "What it comes to is shown before anything is written.",
                "Approvals of earlier figures are void.",
            ]
        try:
            found = computing.dry_run(
                subject.pk, kind=PoolKind(data["pool_kind"]), amount=int(data["amount"])
            )
        except RunRefused as refused:
            return [str(refused)]
        return _sentences(found)

    def check(self, subject: DistributionRun, data: Mapping[str, Any]) -> None:
        computing.pool_of(subject, PoolKind(data["pool_kind"]), int(data["amount"]))

    def perform(self, subject: DistributionRun, performance: Performance) -> Outcome:
        data = performance.data
        run = computing.compute(
            subject.pk,
            kind=PoolKind(data["pool_kind"]),
            amount=int(data["amount"]),
            actor=performance.actor,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return Outcome("Computed. Two approvers must agree to these figures.", page_url(run))


class Approve(RunAct):
    kind = "distribution.approve"
    title = "Approve the run"
    verb = "Approve"
    roles = frozenset({Role.PAYOUT_APPROVER})
    states = (RunState.COMPUTED,)

    def allowed(self, user: Any, subject: DistributionRun) -> Verdict:
        return approving.may_approve(user, subject)

    def consequences(self, subject: DistributionRun, data: Mapping[str, Any]) -> list[str]:
        found = preview.of(subject)
        return [
            *_sentences(found),
            "Your approval is bound to the hash above: any change of the figures voids it.",
            "With the second approval the run may be scheduled, and its payouts ask nobody again.",
        ]

    def perform(self, subject: DistributionRun, performance: Performance) -> Outcome:
        run = approving.approve(
            subject.pk,
            actor=performance.actor,
            seen=subject.run_hash,
            note=performance.reason,
            request_id=performance.request_id,
        )
        done = run.state == RunState.APPROVED
        return Outcome(
            "Approved by two." if done else "Approved. Another approver must agree, too.", page_url(run)
        )


class SendBack(RunAct):
    kind = "distribution.send_back"
    title = "Send the run back"
    verb = "Send back"
    roles = frozenset({Role.ADMIN, Role.PAYOUT_APPROVER})
    states = (RunState.COMPUTED, RunState.APPROVED)
    minimum_reason = 10

    def consequences(self, subject: DistributionRun, data: Mapping[str, Any]) -> list[str]:
        return [
            "Its shares are to be computed anew from the same frozen work; approvals given so far are void."
        ]

    def perform(self, subject: DistributionRun, performance: Performance) -> Outcome:
        run = approving.send_back(
            subject.pk, actor=performance.actor, reason=performance.reason, request_id=performance.request_id
        )
        return Outcome("Sent back: enter the pool and compute again.", page_url(run))


class Schedule(RunAct):
    kind = "distribution.schedule"
    title = "Schedule the run"
    verb = "Schedule"
    states = (RunState.APPROVED,)
    form_class = StartForm

    def initial(self, subject: DistributionRun) -> dict[str, Any]:
        return {"at": f"{clock.now():{_STAMP}}"}

    def consequences(self, subject: DistributionRun, data: Mapping[str, Any]) -> list[str]:
        try:
            capacity.require(subject)
        except RunRefused as refused:
            return [str(refused)]
        found = capacity.plan(subject, _moment(data["at"]) if data else clock.now())
        return [
            f"{format_usdt(found.amount)} USDT go in {len(found.days)} days, until about"
            f" {found.ends_at:%Y-%m-%d %H:%M} UTC, if others need no more than a fifth of the limits.",
        ]

    def check(self, subject: DistributionRun, data: Mapping[str, Any]) -> None:
        capacity.require(subject)

    def perform(self, subject: DistributionRun, performance: Performance) -> Outcome:
        run = steering.schedule(
            subject.pk,
            at=_moment(performance.data["at"]),
            actor=performance.actor,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return Outcome(f"It begins {performance.data['at']} UTC.", page_url(run))


class Simple(RunAct):
    """An act that asks for a reason alone and says in one sentence what it does."""

    minimum_reason = 10
    sentence: ClassVar[str]
    done: ClassVar[str]
    # The function that does it.
    deed: ClassVar[Any]

    def consequences(self, subject: DistributionRun, data: Mapping[str, Any]) -> list[str]:
        return [self.sentence]

    def perform(self, subject: DistributionRun, performance: Performance) -> Outcome:
        run = type(self).deed(
            subject.pk, actor=performance.actor, reason=performance.reason, request_id=performance.request_id
        )
        return Outcome(self.done, page_url(run))


class Unschedule(Simple):
    kind = "distribution.unschedule"
    title = "Take the run off the schedule"
    verb = "Take off the schedule"
    states = (RunState.SCHEDULED,)
    sentence = "It doesn't begin until it is scheduled again. Its approvals stand."
    done = "Off the schedule."
    deed = staticmethod(steering.unschedule)


class Pause(Simple):
    kind = "distribution.pause"
    title = "Pause the run"
    verb = "Pause"
    states = (RunState.RUNNING,)
    sentence = "No payout of it is made or released until it is resumed; what is signed runs to its end."
    done = "Paused."
    deed = staticmethod(steering.pause)


class Resume(Simple):
    kind = "distribution.resume"
    title = "Let the run go on"
    verb = "Resume"
    states = (RunState.PAUSED,)
    sentence = "It goes on from where it stood."
    done = "It goes on."
    deed = staticmethod(steering.resume)


class Settle(Simple):
    kind = "distribution.settle"
    title = "Settle the run"
    verb = "Settle now"
    states = (RunState.RUNNING, RunState.PAUSED)
    sentence = (
        "What is still held is left to the next freeze, which takes it in. Nothing more is paid by this run."
    )
    done = "Settled."
    deed = staticmethod(settling.settle)


class LineAct(Act):
    """An act on one entitlement, whose key is its number."""

    def find(self, key: str) -> Entitlement:
        return self._get(Entitlement.objects.all(), key)

    def lock(self, key: str) -> Entitlement:
        return self._get(Entitlement.objects.select_for_update(of=("self",)), key)

    def label(self, subject: Entitlement) -> str:
        return f"{subject.get_kind_display()} {subject.recipient} in {subject.run}"

    def facts(self, subject: Entitlement) -> dict[str, str]:
        now_at, _ = standing.of_some([subject.pk])[subject.pk]
        return {
            "Recipient": f"{subject.get_kind_display()} {subject.recipient}",
            "Month": subject.run.period,
            "Entitled to": f"{format_usdt(subject.amount)} USDT",
            "Not in a payout yet": f"{format_usdt(subject.remaining)} USDT",
            "Held because": subject.get_hold_reason_display() or "It isn't held",
            "Frozen address": subject.address or "none",
            "Paid to": subject.pay_to or "none",
            "Address that counts now": now_at or "none",
        }

    def _get(self, rows: Any, key: str) -> Entitlement:
        found: Entitlement | None = (
            rows.select_related("run").filter(pk=int(key)).first()
            if key.isdecimal() and len(key) < 19
            else None
        )
        if found is None:
            raise Http404("no such entitlement")
        return found


class ConfirmAddress(LineAct):
    kind = "distribution.confirm_address"
    title = "Pay an entitlement to the recipient's new address"
    verb = "Confirm the new address"

    def allowed(self, user: Any, subject: Entitlement) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        _, why = standing.of_some([subject.pk])[subject.pk]
        if verdict and (subject.state != EntitlementState.HELD or why != LineHold.ADDRESS_CHANGED):
            return Verdict(False, "It isn't held for a changed address that counts by now.")
        return verdict

    def needs_second(self, subject: Entitlement, data: Mapping[str, Any]) -> bool:
        return True

    def consequences(self, subject: Entitlement, data: Mapping[str, Any]) -> list[str]:
        return [
            "Compare the whole address with what its owner says. What is paid already stays where it went."
        ]

    def perform(self, subject: Entitlement, performance: Performance) -> Outcome:
        now_at, _ = standing.of_some([subject.pk])[subject.pk]
        line = holding.confirm_address(
            subject.pk,
            actor=performance.actor,
            second=performance.second,
            seen=now_at,
            reason=performance.reason,
            request_id=performance.request_id,
        )
        return Outcome("It is paid at the new address.", page_url(line.run))


class TryAgain(LineAct):
    kind = "distribution.try_again"
    title = "Pay an entitlement whose payout failed or was called off"
    verb = "Try again"

    def allowed(self, user: Any, subject: Entitlement) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        if verdict and (subject.state, subject.hold_reason) != (EntitlementState.HELD, LineHold.CALLED_OFF):
            return Verdict(False, "No payout of it failed or was called off.")
        return verdict

    def consequences(self, subject: Entitlement, data: Mapping[str, Any]) -> list[str]:
        return ["A new payout replaces the one that didn't pay, which stays as it ended."]

    def perform(self, subject: Entitlement, performance: Performance) -> Outcome:
        line = holding.try_again(
            subject.pk, actor=performance.actor, reason=performance.reason, request_id=performance.request_id
        )
        return Outcome("It is due again.", page_url(line.run))


def _moment(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def _part(part: preview.Part) -> str:
    return (
        f"{part.recipients:,} recipient{'' if part.recipients == 1 else 's'}, {format_usdt(part.amount)} USDT"
    )


def _sentences(found: Preview) -> list[str]:
    reasons = ", ".join(f"{part.recipients:,} {reason.label.lower()}" for reason, part in found.reasons)
    return [
        f"To be paid: {_part(found.to_pay)}.",
        f"Carried over, being less than the minimum: {_part(found.carried)}.",
        f"Held: {_part(found.held)}{f' ({reasons})' if reasons else ''}.",
        *(
            f"Most: {line.kind} {line.recipient}, {format_usdt(line.amount)} USDT."
            for line in found.largest[:1]
        ),
        *(
            f"Least: {line.kind} {line.recipient}, {format_usdt(line.amount)} USDT."
            for line in found.smallest[:1]
        ),
    ]


OPEN: Final = acts.register(Open())
ON_A_RUN: Final[tuple[RunAct, ...]] = (
    Compute(), Approve(), Schedule(), Pause(), Resume(), Unschedule(), SendBack(), Settle(),
)  # fmt: skip
for _act in ON_A_RUN:
    acts.register(_act)
CONFIRM_ADDRESS: Final = acts.register(ConfirmAddress())
TRY_AGAIN: Final = acts.register(TryAgain())
