"""Acts of the back office: each kind is declared once, and one page, one queue and one set of rules serve all.

A kind says who may (`allowed`), what it acts on (`find`, `lock`, `facts`), what will happen (`consequences`) and
does it (`perform`). Whether it needs a second person may depend on the subject and on what was filled in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from django import forms
from django.http import Http404
from django.urls import reverse

from lucid_payments.accounts.models import User
from lucid_payments.accounts.roles import Role
from lucid_payments.backoffice import policy
from lucid_payments.backoffice.policy import Verdict

ALLOWED: Final = Verdict(True)
# The key of a subject that the act itself makes.
NEW: Final = "new"
# As long as any row keeps one.
LONGEST_REASON: Final = 300


class ActRefused(Exception):
    """The act can't be done; the text is shown to who tried. Nothing has changed."""


class ChangedSince(ActRefused):
    """What the act was asked for isn't so any more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`secrets` (label, value) are shown once, on the answer itself, and kept nowhere."""

    message: str
    url: str = ""
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """A link to what can be asked for where this can't be done any more."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing as it is and as it would be, with a word on what that means."""

    label: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One act being done: in one transaction, on a locked subject. `confirmer` is None for one person's act."""

    actor: User
    confirmer: User | None
    reason: str
    data: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""

    @property
    def second(self) -> User:
        """Whoever confirmed. Raises ActRefused for an act of one person."""
        if self.confirmer is None:
            raise ActRefused("A second person must confirm this.")
        return self.confirmer

    @property
    def evidence(self) -> dict[str, Any]:
        """What the audit entry of any act holds."""
        second = {"confirmed_by": self.confirmer.get_username()} if self.confirmer else {}
        return {"reason": self.reason, **second}


class Act:
    """One kind of act. `subject` is whatever `find` answers; None where the act makes it."""

    # A machine word like ``staff.deactivate``: part of the address, of audit entries and events.
    kind: ClassVar[str]
    title: ClassVar[str]
    # The words on the button.
    verb: ClassVar[str]
    roles: ClassVar[frozenset[Role]] = frozenset({Role.ADMIN})
    minimum_reason: ClassVar[int] = 10
    # Whether the page asks for a reason at all; an act that names its own by `form_class`, of a closed list, doesn't.
    asks_reason: ClassVar[bool] = True
    # Whether the second factor must be fresh; not for what anybody of the role may undo.
    asks_factor: ClassVar[bool] = True
    # The key that opens its page where shortcuts are offered.
    keys: ClassVar[str] = ""
    # Further questions; their cleaned values are `data`. JSON values alone: they may wait for a second person.
    form_class: ClassVar[type[forms.Form] | None] = None
    # Whether the answers are shown with what they would change before a reason and a code are asked for.
    reviewed: ClassVar[bool] = False

    def find(self, key: str) -> Any:
        """The subject to show. Raises Http404."""
        raise NotImplementedError

    def lock(self, key: str) -> Any:
        """The subject, its row locked until the transaction ends. Raises Http404."""
        raise NotImplementedError

    def label(self, subject: Any) -> str:
        return str(subject) if subject is not None else ""

    def label_with(self, subject: Any, data: Mapping[str, Any]) -> str:
        """The subject's name in the queue; acts that make their subject name it from `data`."""
        return self.label(subject)

    def key_with(self, key: str, data: Mapping[str, Any]) -> str:
        """What may wait for a second person once at a time; acts that make their subject name it from `data`."""
        return key

    def facts(self, subject: Any) -> dict[str, str]:
        """What the page shows of the subject, label to text; frozen when a second person is asked."""
        return {}

    def page_of(self, subject: Any) -> str:
        """The address of the subject's own page, to go back to without doing it; empty where there is none."""
        return ""

    def version(self, subject: Any) -> str:
        """What must not have changed between looking and acting: by default every fact."""
        return fingerprint(self.facts(subject))

    def allowed(self, user: Any, subject: Any) -> Verdict:
        """Whether this person may do this to this subject now; asked by button, page, and again when it is done."""
        return may_act(user, self.roles)

    def instead(self, subject: Any) -> Alternative | None:
        """What is offered where the act came too late for its subject."""
        return None

    def consequences(self, subject: Any, data: Mapping[str, Any]) -> list[str]:
        """Sentences of what will happen, in figures where there are some. `data` is empty before it is filled in."""
        return []

    def needs_second(self, subject: Any, data: Mapping[str, Any]) -> bool:
        return False

    def check(self, subject: Any, data: Mapping[str, Any]) -> None:
        """Raises ActRefused for an act that would fail anyway, before a second person is asked."""

    def perform(self, subject: Any, performance: Performance) -> Outcome:
        """Do it by guarded UPDATEs, with its audit entry and events. Raises ActRefused when somebody was first."""
        raise NotImplementedError

    def changes(self, subject: Any, data: Mapping[str, Any]) -> list[Changed]:
        """What would be otherwise afterwards, side by side."""
        return []

    def questions(self, subject: Any, answers: Any = None) -> forms.Form | None:
        """The further questions, with the answers that were sent."""
        return self.form_class(answers, initial=self.initial(subject)) if self.form_class else None

    def initial(self, subject: Any) -> dict[str, Any]:
        """What the further questions are filled in with."""
        return {}


_KINDS: Final[dict[str, Act]] = {}


def register(act: Act) -> Act:
    """Make a kind known; apps do it in `AppConfig.ready`, so that pages, commands and workers know the same ones."""
    _KINDS[act.kind] = act
    return act


def of_kind(kind: str) -> Act:
    """Raises Http404 for a kind that isn't registered."""
    try:
        return _KINDS[kind]
    except KeyError:
        raise Http404("no such act") from None


def titles() -> dict[str, str]:
    return {kind: act.title for kind, act in _KINDS.items()}


def kinds_for(role: str) -> list[str]:
    """The kinds that people of this role may confirm."""
    return [kind for kind, act in _KINDS.items() if role in act.roles]


def may_act(user: Any, roles: frozenset[Role]) -> Verdict:
    """Whether `user` is at work and has one of `roles`."""
    entry = policy.may_enter(user)
    if not entry:
        return entry
    if user.role not in roles:
        return Verdict(False, f"The role {Role(user.role).label.lower()} doesn't do this.")
    return ALLOWED


@dataclass(frozen=True, slots=True)
class Button:
    """A link to an act's page, or, where it is refused, the same words disabled with the reason."""

    words: str
    url: str
    verdict: Verdict
    keys: str = ""


def button(kind: str, key: object, user: Any, subject: Any) -> Button:
    """For `admin/acts/button.html`."""
    act = of_kind(kind)
    return Button(act.verb, url(kind, key), act.allowed(user, subject), act.keys)


def url(kind: str, key: object = NEW) -> str:
    return reverse("admin:act", args=[kind, key])


def fingerprint(facts: Mapping[str, Any]) -> str:
    canonical = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
