"""Ending a case by hand: two people, on evidence that a search of ours has just shown.

The key is the evidence's: what both decide by is what they saw. Nothing here can let a payout go whose transaction
may still land, because no evidence that leaves that open is one that the acts take.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar

from django import forms
from django.http import Http404

from lucid_payments import clock
from lucid_payments.backoffice import acts, formats
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict
from payouts import cases, ledger
from payouts.acts.search import SEARCH, case_url, facts_of, label_of
from payouts.explained import by_books
from payouts.manager import PayoutManager
from payouts.models.attempt import UNRESOLVED, Attempt, AttemptState
from payouts.models.cases import CaseEnd, CaseKind, Conclusion, Evidence, ManualCase
from payouts.models.chain import ChainState
from payouts.resolution import AlreadyResolved, moved
from payouts.schedule import MAXIMUM_RETRIES
from routers import killswitch

FIRST = "Somebody was first, or it has ended by itself: look at the case again. Nothing was done."
SHORTEST_REASON = 20


class EvidenceAct(Act):
    """An act by what one search showed. Two people, always."""

    case_kind: ClassVar[CaseKind]
    conclusions: ClassVar[frozenset[Conclusion]]
    minimum_reason = SHORTEST_REASON

    def find(self, key: str) -> Evidence:
        rows = Evidence.objects.select_related(
            "search__asked_by", "search__case__attempt__payout__creator", "search__case__payout"
        )
        found = rows.filter(pk=key).first() if key.isdecimal() else None
        if found is None:
            raise Http404("no such evidence")
        return found

    def lock(self, key: str) -> Evidence:
        """The case's row, and its attempt's, so that the watcher can't move it meanwhile."""
        case = self.find(key).search.case
        ManualCase.objects.select_for_update().get(pk=case.pk)
        if case.attempt_id is not None:
            Attempt.objects.select_for_update().get(pk=case.attempt_id)
        return self.find(key)

    def label(self, subject: Evidence) -> str:
        return label_of(subject.search.case)

    def facts(self, subject: Evidence) -> dict[str, str]:
        search = subject.search
        last = search.last_block or "the first past the expiration"
        facts = {
            **facts_of(search.case),
            "Evidence": f"{subject.pk}, of {subject.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "It shows": f"{Conclusion(subject.conclusion).label}. {subject.sentence}",
            "Blocks searched": f"{search.first_block} to {last}",
            "Search asked by": search.asked_by.get_username() if search.asked_by else "the system",
        }
        facts |= {f"Node {said['node']}": words_of(said) for said in subject.told}
        if search.elsewhere:
            facts["Another source"] = search.elsewhere
        return facts

    def allowed(self, user: Any, subject: Evidence) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return verdict and self.usable(subject)

    def usable(self, subject: Evidence) -> Verdict:
        """Whether this evidence, as it is and now, is what this act may be done by."""
        case = subject.search.case
        if case.closed_at is not None:
            return Verdict(False, "This case is closed.")
        if case.kind != self.case_kind or subject.conclusion not in self.conclusions:
            return Verdict(False, f"This search doesn't show that. {subject.sentence}")
        if Evidence.objects.filter(search__case=case, pk__gt=subject.pk).exists():
            return Verdict(False, "There is a newer search: decide by that one.")
        if clock.now() - subject.at > cases.FRESH:
            return Verdict(
                False,
                f"This search is over {formats.span(cases.FRESH)} old. Search again, and decide by that.",
            )
        return acts.ALLOWED

    def needs_second(self, subject: Evidence, data: Mapping[str, Any]) -> bool:
        return True

    def perform(self, subject: Evidence, performance: Performance) -> Outcome:
        if performance.confirmer is None:
            raise ActRefused("A second administrator must confirm this.")
        self.check(subject, performance.data)
        try:
            end = self.resolve(subject, performance)
        except AlreadyResolved:
            raise ActRefused(FIRST) from None
        return Outcome(
            f"{self.label(subject)} is closed: {end.label.lower()}.", case_url(subject.search.case)
        )

    def resolve(self, subject: Evidence, performance: Performance) -> CaseEnd:
        raise NotImplementedError


class UnresolvedAct(EvidenceAct):
    """Ending an attempt that no rule could judge."""

    case_kind = CaseKind.UNRESOLVED

    def usable(self, subject: Evidence) -> Verdict:
        verdict = super().usable(subject)
        attempt = _attempt(subject)
        if verdict and attempt.state not in UNRESOLVED:
            return Verdict(False, FIRST)
        return verdict

    def resolve(self, subject: Evidence, performance: Performance) -> CaseEnd:
        if performance.confirmer is None:
            raise AlreadyResolved
        return PayoutManager.resolve_unresolved(
            subject, actor=performance.actor, second=performance.confirmer
        )


class Paid(UnresolvedAct):
    kind = "case.paid"
    title = "It was paid"
    verb = "It was paid"
    conclusions = frozenset({Conclusion.PAID, Conclusion.PAID_DIFFERENTLY})

    def consequences(self, subject: Evidence, data: Mapping[str, Any]) -> list[str]:
        amount = formats.usdt(_attempt(subject).amount)
        if subject.conclusion == Conclusion.PAID_DIFFERENTLY:
            return [
                "The attempt has paid for ever, but not as asked: the payout waits for people as a case of its own.",
                f"{amount} USDT stay reserved until then.",
                "The kill switch is pulled: nothing is signed or sent.",
            ]
        return [
            f"{amount} USDT are posted in the books and in the limits' windows.",
            "The payout is confirmed for ever, and never tried again.",
        ]


class Reverted(UnresolvedAct):
    kind = "case.reverted"
    title = "It failed in its block"
    verb = "It failed in its block"
    conclusions = frozenset({Conclusion.REVERTED})

    def consequences(self, subject: Evidence, data: Mapping[str, Any]) -> list[str]:
        return _given_back(subject)


class Never(UnresolvedAct):
    kind = "case.never"
    title = "It wasn't paid and can't be any more"
    verb = "It can't be paid any more"
    conclusions = frozenset({Conclusion.NEVER})

    def usable(self, subject: Evidence) -> Verdict:
        verdict = super().usable(subject)
        if not verdict:
            return verdict
        attempt = _attempt(subject)
        if attempt.state == AttemptState.INCLUDED:
            return Verdict(
                False, f"Our own reading has it in block {attempt.block_number}: it may still land."
            )
        if ChainState.objects.get(pk=1).solid_time_ms < attempt.expiration_ms:
            return Verdict(False, "The final block isn't past its expiration: it may still land.")
        return verdict

    def consequences(self, subject: Evidence, data: Mapping[str, Any]) -> list[str]:
        return _given_back(subject)


class CloseManual(EvidenceAct):
    """A payout whose transaction did something else than was asked."""

    kind = "case.close_manual"
    title = "Book what it moved, and close"
    verb = "Book what it moved, and close"
    case_kind = CaseKind.PAID_DIFFERENTLY
    conclusions = frozenset({Conclusion.PAID_DIFFERENTLY})

    def usable(self, subject: Evidence) -> Verdict:
        verdict = super().usable(subject)
        attempt = _attempt(subject)
        if verdict and subject.facts["outcome"]["block_id"] != attempt.block_id:
            return Verdict(False, "This search found it in another block than the two providers did.")
        return verdict

    def consequences(self, subject: Evidence, data: Mapping[str, Any]) -> list[str]:
        attempt = _attempt(subject)
        if "moved" not in subject.facts:
            return []
        reached, elsewhere = moved(subject, attempt)
        short = attempt.amount - reached
        told = [
            f"{formats.usdt(reached)} of {formats.usdt(attempt.amount)} USDT reached the recipient: so much is posted."
        ]
        if elsewhere:
            told.append(
                f"{formats.usdt(elsewhere)} USDT went to somebody else: so much is booked to suspense."
            )
        if short > 0:
            told.append(f"{formats.usdt(short)} USDT of the reservation are free again.")
        told.append(
            "The payout is confirmed, with this deviation in its timeline."
            if reached
            else "The payout fails. It is never tried again; its creator may order another one (retry_of)."
        )
        return [*told, *_switch()]

    def resolve(self, subject: Evidence, performance: Performance) -> CaseEnd:
        if performance.confirmer is None:
            raise AlreadyResolved
        return PayoutManager.close_manual(subject, actor=performance.actor, second=performance.confirmer)


class BookForm(forms.Form):
    account = forms.ChoiceField(
        label="Booked to",
        choices=[(ledger.LOSSES, "Losses: it is gone"), (ledger.SUSPENSE, "Suspense: it may come back")],
    )


class BookUnknown(EvidenceAct):
    """Value that left the treasury and isn't ours."""

    kind = "case.book"
    title = "Book what left the treasury"
    verb = "Book it"
    case_kind = CaseKind.UNKNOWN_TRANSFER
    conclusions = frozenset({Conclusion.UNKNOWN_FOUND, Conclusion.NOTHING_FOUND})
    form_class = BookForm

    def usable(self, subject: Evidence) -> Verdict:
        verdict = super().usable(subject)
        txid = subject.search.case.txid
        if verdict and txid and txid not in {leaving["txid"] for leaving in subject.facts["unknown"]}:
            return Verdict(False, f"These blocks don't hold {txid}: search the one that does.")
        if verdict and not subject.facts["unknown"] and subject.facts["lowest_balance"] < by_books().least:
            return Verdict(False, "The treasury holds less than the books say: search more blocks.")
        return verdict

    def check(self, subject: Evidence, data: Mapping[str, Any]) -> None:
        usdt = _usdt(subject)
        free = ledger.treasury_balance().available
        if usdt > free:
            raise ActRefused(
                f"{formats.usdt(usdt)} USDT are to be booked, but all but {formats.usdt(max(0, free))} are reserved"
                " for payouts on their way or in people's hands: end those first."
            )

    def consequences(self, subject: Evidence, data: Mapping[str, Any]) -> list[str]:
        found = subject.facts.get("unknown", [])
        told = [_booking(leaving) for leaving in found] or [
            "Nothing is booked: the treasury holds what the books say."
        ]
        told.append(
            "The watcher states again that all that left is in our books, once nothing else is missing."
        )
        return [*told, *_switch()]

    def resolve(self, subject: Evidence, performance: Performance) -> CaseEnd:
        if performance.confirmer is None:
            raise AlreadyResolved
        return PayoutManager.book_unknown(
            subject,
            account=performance.data["account"],
            actor=performance.actor,
            second=performance.confirmer,
        )


RESOLVING = {
    CaseKind.UNRESOLVED: [acts.register(Paid()), acts.register(Reverted()), acts.register(Never())],
    CaseKind.PAID_DIFFERENTLY: [acts.register(CloseManual())],
    CaseKind.UNKNOWN_TRANSFER: [acts.register(BookUnknown())],
}
__all__ = ["RESOLVING", "SEARCH", "words_of"]


def words_of(said: Mapping[str, Any]) -> str:
    """One node's words in a search, as a sentence."""
    if said.get("error"):
        return f"No answer that counts: {said['error']}"
    if "unknown" in said:
        count = len(said["unknown"])
        found = f"{count or 'no'} unknown transfer{'' if count == 1 else 's'}"
        return f"{found}; the treasury holds {formats.usdt(said['balance'])} USDT"
    final = f"final block {said['solid_block']}"
    if said["found_in"] is not None:
        return (
            f"finds it in block {said['found_in']}{', ' + said['result'] if said['result'] else ''}; {final}"
        )
    if said["by_id"]:
        return f"shows it, in no final block; {final}"
    run = said["blocks"]
    read = f"blocks {run['first']} to {run['last']} read" if run else "no blocks read"
    control = "" if said["control_found"] else "; it doesn't find the control transaction either"
    return f"doesn't find it; {read}; {final}{control}"


def _attempt(subject: Evidence) -> Attempt:
    attempt = subject.search.case.attempt
    if attempt is None:
        raise Http404("this case has no payout")
    return attempt


def _usdt(subject: Evidence) -> int:
    return sum(amount for leaving in subject.facts["unknown"] for _, amount in leaving["moved"])


def _booking(leaving: Mapping[str, Any]) -> str:
    went = "".join(f"{formats.usdt(amount)} USDT to {to} and " for to, amount in leaving["moved"])
    burned = formats.trx(leaving["trx"] + leaving["fee"])
    return f"{leaving['txid']} (block {leaving['block_number']}): {went}{burned} TRX are booked as gone."


def _given_back(subject: Evidence) -> list[str]:
    attempt = _attempt(subject)
    again = attempt.payout.retries < MAXIMUM_RETRIES
    return [
        f"{formats.usdt(attempt.amount)} USDT are free again in the treasury and in the limits' windows.",
        "The payout is tried again with a new transaction, after every gate."
        if again
        else "The payout has had its last try: it fails.",
        "If this transaction landed after all, the recipient would be paid twice. Read the evidence again.",
    ]


def _switch() -> list[str]:
    return ["The kill switch stays pulled until two people release it."] if killswitch.is_pulled() else []
