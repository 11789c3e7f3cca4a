"""One batch at the desk: what it adds to the journal, judged together with what the journal holds."""

from __future__ import annotations

from typing import Final

from payouts.tron.signing.caps import DAY_MS, HOUR_MS, SigningCaps
from payouts.tron.signing.journal import Journal
from payouts.tron.transfer import TransferIntent

# For about this long after its expiration a transaction may still stand in a block that isn't final.
FINALITY_MS: Final = 60_000

Refusal = tuple[str, str]
"""A code for machines and a sentence for operators."""

_CAP_SENTENCES: Final = {
    "DAILY_CAP": "The signer's cap for 24 hours would be exceeded.",
    "HOURLY_CAP": "The signer's cap for 60 minutes would be exceeded.",
}


class Batch:
    """Intents taken so far count against each other as if they were in the journal already."""

    def __init__(self, journal: Journal, caps: SigningCaps, now_ms: int) -> None:
        self.now_ms = now_ms
        self.new: list[TransferIntent] = []
        self._journal = journal
        self._caps = caps
        self._last_day = journal.signed_since(now_ms - DAY_MS)
        self._last_hour = journal.signed_since(now_ms - HOUR_MS)
        self._attempts: dict[str, str] = {}
        self._txids: set[str] = set()
        self._payouts: set[str] = set()

    def take(self, intent: TransferIntent) -> None:
        """Adds an intent that was found good; one that is known already adds nothing."""
        if self.knows(intent):
            return
        self.new.append(intent)
        self._attempts[intent.attempt_id] = intent.txid
        self._txids.add(intent.txid)
        self._payouts.add(intent.payout_id)
        self._last_day += intent.amount
        self._last_hour += intent.amount

    def knows(self, intent: TransferIntent) -> bool:
        """Whether these very bytes were signed for this attempt before."""
        return self._txid_of_attempt(intent) == intent.txid

    def conflict(self, intent: TransferIntent, head_time_ms: int) -> Refusal | None:
        """Why signing this could pay twice: the same attempt, txid or payout stands behind other bytes."""
        if self.knows(intent):
            return None
        if self._txid_of_attempt(intent):
            return "ATTEMPT_CHANGED", "Other bytes were signed for this attempt before."
        if intent.txid in self._txids or intent.txid in self._journal:
            return "TXID_TAKEN", "The same transaction was signed for another attempt."
        expiration_ms, _ = self._journal.latest_of_payout(intent.payout_id)
        if intent.payout_id in self._payouts or head_time_ms < expiration_ms + FINALITY_MS:
            return (
                "PAYOUT_STILL_LIVING",
                "An earlier transaction of this payout can still get into the chain.",
            )
        return None

    def over_caps(self, intent: TransferIntent) -> Refusal | None:
        """Which cap this intent, on top of journal and batch, would exceed."""
        code = self._caps.exceeded_by(intent.amount, last_day=self._last_day, last_hour=self._last_hour)
        return (code, _CAP_SENTENCES[code]) if code else None

    def _txid_of_attempt(self, intent: TransferIntent) -> str:
        return self._attempts.get(intent.attempt_id) or self._journal.txid_of_attempt(intent.attempt_id)
