"""Why the routers refuse an act: a machine code, and a sentence for the person who acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lucid_payments.backoffice.acts import ActRefused


class Refused(ActRefused):
    """Nothing was changed. `offer` is what could be asked for instead, where there is something."""

    def __init__(self, code: str, sentence: str, *, offer: Any = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.offer = offer


class PolicyRefused(Refused):
    """A policy that contradicts itself or another one; `fields` has a sentence by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("policy", " ".join(f"{name}: {sentence}" for name, sentence in fields.items()))
        self.fields = dict(fields)
