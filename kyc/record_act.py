"""What every act on a KYC record has in common: its key, its lock, who may, and what a refusal reads like."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404

from kyc.models import KycRecord
from kyc.review import policy
from kyc.review.errors import InvalidFields, ReviewError
from kyc.vault import VaultError
from lucid_payments import clock
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import acts
from lucid_payments.backoffice.acts import Act, ActRefused, Outcome, Performance
from lucid_payments.backoffice.policy import Verdict


class KycAct(Act):
    """One act of `kyc.review` on a record, whose key is its public id. Nothing of the person shows on the page."""

    review: ClassVar[policy.Act]
    roles = frozenset({Role.COMPLIANCE_OFFICER})
    # What is said when it is done.
    done: ClassVar[str]

    def find(self, key: str) -> KycRecord:
        return _row(KycRecord.objects.select_related("operator__user", "owner", "subject"), key)

    def lock(self, key: str) -> KycRecord:
        rows = KycRecord.objects.select_for_update(of=("self",))
        return _row(rows.select_related("operator__user", "owner", "subject"), key)

    def label(self, subject: KycRecord) -> str:
        return subject.public_id

    def version(self, subject: KycRecord) -> str:
        """Its lease runs on while somebody reads; every act on the record counts."""
        return str(subject.revision)

    def allowed(self, user: Any, subject: KycRecord) -> Verdict:
        verdict = acts.may_act(user, self.roles)
        return verdict and policy.may(user, self.review, subject, clock.now())

    def do(self, record: KycRecord, performance: Performance) -> object:
        """Call the function of `kyc.review`."""
        raise NotImplementedError

    def page_of(self, record: KycRecord) -> str:
        """Where who did it goes next, and who didn't goes back to."""
        raise NotImplementedError

    def perform(self, subject: KycRecord, performance: Performance) -> Outcome:
        try:
            self.do(subject, performance)
        except InvalidFields as wrong:
            raise ActRefused(" ".join(wrong.problems.values())) from None
        except ReviewError as refused:
            raise ActRefused(str(refused)) from None
        except VaultError:
            raise ActRefused("What is sealed can't be opened or added to now: nothing was done.") from None
        return Outcome(self.done, self.page_of(subject))


def _row(rows: Any, key: str) -> KycRecord:
    found: KycRecord | None = rows.filter(public_id=key).first() if "\0" not in key else None
    if found is None:
        raise Http404("no such record")
    return found
