"""Why an approver or a rule's author is refused."""

from __future__ import annotations

from lucid_payments.backoffice.acts import ActRefused


class Refused(ActRefused):
    """Nothing was changed; the sentence is for who tried."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
