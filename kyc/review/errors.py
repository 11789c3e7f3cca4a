"""Why an act on a record isn't done. Nothing has changed then."""

from __future__ import annotations


class ReviewError(Exception):
    """The text is for who tried, and names nobody but staff."""


class Refused(ReviewError):
    """The policy says no, or what was given doesn't do; trying again doesn't help."""


class Conflict(ReviewError):
    """Somebody else was first, or has it: look again."""


class InvalidFields(ReviewError):
    """What was declared can't be taken. `problems` says why, by field, without repeating a value."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Some fields are missing or not as they must be.")
        self.problems = problems
