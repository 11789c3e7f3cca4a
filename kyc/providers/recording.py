"""A provider for trying things out: it writes down what it was asked, and answers what a file says.

In the folder `PROVIDER_RECORDINGS`, `<kind>.jsonl` grows by a line for each question, without what is private;
`<kind>.answers.json` holds `{"<subject>": {"clear": false, "words": "…"}}`, and `"*"` for all others. Without that file
everything is clear; one that can't be read is a provider that is away.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from kyc.providers.interface import Opinion, ProviderAway, Question
from lucid_payments.private_files import PRIVATE_FILE, private_folder

EVERYBODY = "*"


class Recording:
    name = "recording"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ask(self, question: Question) -> Opinion:
        said = self._said(question)
        self._write(question)
        words = str(said.get("words", "Recorded; nothing is said against it."))
        return Opinion(said.get("clear", True) is True, words[:300], str(said.get("reference", ""))[:100])

    def _said(self, question: Question) -> dict[str, Any]:
        file = self._folder / f"{question.kind.value}.answers.json"
        try:
            answers = json.loads(file.read_text())
            said = answers.get(question.subject, answers.get(EVERYBODY, {}))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            raise ProviderAway(f"{file.name} can't be read") from error
        if not isinstance(said, dict):
            raise ProviderAway(f"{file.name} holds no answer for it")
        return said

    def _write(self, question: Question) -> None:
        line = json.dumps({"subject": question.subject, **question.facts}, ensure_ascii=False) + "\n"
        try:
            file = private_folder(self._folder) / f"{question.kind.value}.jsonl"
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE)
            with os.fdopen(descriptor, "w") as opened:
                opened.write(line)
        except OSError as error:
            raise ProviderAway("the recordings' folder can't be written") from error
