"""Names against listed names: what is alike is a candidate for a person to look at, and refuses nobody."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

from rapidfuzz import fuzz, process
from rapidfuzz.distance import JaroWinkler

from kyc.models import CaseState, EntryKind, ListEntry, Moment, ScreeningCase
from kyc.screening import cases, freshness, metrics
from kyc.screening.cases import Encounter
from kyc.screening.freshness import InForce

# compliance.md, "Screening": either is enough. Of 100.
TOKEN_SET: Final = 88
JARO_WINKLER: Final = 90
# What is more alike than this many others is told of; a name that meets more is too common to say anything.
MOST: Final = 50
_BESIDE: Final = re.compile(r"[^\w\s]|_")


def screen(name: str, *, subject: str, about: str = "", moment: Moment) -> list[int]:
    """Open a case for each listed name in force that `name` is like and that nobody cleared for this subject.

    `subject` is whose name it is ("operator 12"): the name itself is kept nowhere. Answers the cases' keys, those
    that stand open or confirmed from before among them.
    """
    with metrics.seconds.labels(EntryKind.NAME.value).time():
        lists, known = _names_in_force()
        candidates = alike(plain(name), known)
    cleared = set(
        ScreeningCase.objects.filter(
            subject=subject, state=CaseState.CLEARED, entry_id__in=[entry for entry, _ in candidates]
        ).values_list("entry_id", flat=True)
    )
    left = [(entry, score) for entry, score in candidates if entry not in cleared]
    if not left:
        return []
    versions = {name: found.number for name, found in lists.items()}
    return cases.keep_names(Encounter(subject, about), left, moment, versions)


def alike(name: str, known: dict[int, str]) -> list[tuple[int, int]]:
    """The listed names (entry -> plain name) that this plain one is like, the most alike first, with scores of 100."""
    if not name:
        return []
    scores: dict[int, int] = {}
    for _, score, entry in process.extract(
        name, known, scorer=fuzz.token_set_ratio, score_cutoff=TOKEN_SET, limit=MOST
    ):
        scores[entry] = round(score)
    for _, alike, entry in process.extract(
        name, known, scorer=JaroWinkler.normalized_similarity, score_cutoff=JARO_WINKLER / 100, limit=MOST
    ):
        scores[entry] = max(scores.get(entry, 0), round(alike * 100))
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST]


def plain(name: str) -> str:
    """Letters and digits alone, small, without accents."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(_BESIDE.sub(" ", letters).split())


def _names_in_force() -> tuple[dict[str, InForce], dict[int, str]]:
    """The lists and their names, of one and the same moment."""
    while True:
        lists = freshness.in_force()
        known = _in_force(tuple(sorted(found.pk for found in lists.values())))
        if freshness.in_force() == lists:
            return lists, known
        # Another version came into force while its predecessor's names were read.
        _in_force.cache_clear()


@functools.lru_cache(maxsize=2)
def _in_force(versions: tuple[int, ...]) -> dict[int, str]:
    """All names of these versions. What a version holds never changes, so one reading serves until another comes."""
    rows = ListEntry.objects.filter(in_force__in=versions, kind=EntryKind.NAME)
    return {pk: plain(value) for pk, value in rows.values_list("pk", "value")}
