"""What an archive of one kind of subject holds: sections, each one JSON file and a chapter of the PDF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models

from lucid_payments.audit.archives import AUDIT, MANIFEST, report
from lucid_payments.audit.archives.report import Chapter
from lucid_payments.audit.archives.rows import as_json, sha256

S = TypeVar("S", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Section(Generic[S]):
    """One JSON file. `words` tell a reader what it holds; of `columns`, if named, the PDF makes a table."""

    name: str
    words: str
    build: Callable[[S], Any]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers(Generic[S]):
    """`facts` stand at the PDF's top; `about` are the rows whose audit entries belong to the subject's."""

    kind: str
    public_id: Callable[[S], str]
    facts: Callable[[S], list[tuple[str, str]]]
    sections: tuple[Section[S], ...]
    about: Callable[[S], list[models.Model]]

    def files_of(self, subject: S) -> dict[str, bytes]:
        """The files by name: one JSON a section, and the PDF of them all."""
        chapters = [
            Chapter(section.name, section.words, section.build(subject), section.columns)
            for section in self.sections
        ]
        files = {f"{chapter.name}.json": as_json(chapter.content) for chapter in chapters}
        digests = {name: sha256(content) for name, content in files.items()}
        pdf = report.render(self.kind, self.public_id(subject), self.facts(subject), chapters, digests)
        return {**files, self._pdf: pdf}

    def listed(self) -> list[tuple[str, str]]:
        """Each file's name and what it holds, for the page that offers the archive."""
        return [
            *((f"{section.name}.json", section.words) for section in self.sections),
            (self._pdf, "The same for reading and printing."),
            (AUDIT, "The audit entries, each with its place in the chain."),
            (MANIFEST, "Every file's size and SHA-256, and the chain's head."),
        ]

    @property
    def _pdf(self) -> str:
        return f"{self.kind}.pdf"
