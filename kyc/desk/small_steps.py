"""What is posted from the case page and done at once: marks, notes, and who has the record.

Each is saved by itself, so that nothing is lost with a lease or a session. A page with a script gets back the part
that changed; without one the whole page comes anew, where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.template.loader import render_to_string

from kyc.desk import case_page, words
from kyc.models import Finding, KycRecord
from kyc.review import marking, policy, taking
from kyc.review.errors import Refused, ReviewError
from kyc.review.policy import Act
from kyc.vault import VaultError
from lucid_payments import clock
from lucid_payments.accounts.models import User

IN_PLACE: Final = "fetch"


def _mark(record: KycRecord, given: QueryDict, actor: User) -> str:
    code = given.get("refuse", "")
    finding = Finding.BAD if code else Finding.GOOD
    marking.mark(record, given.get("place", ""), finding, actor=actor, code=code)
    # Work is a sign of life.
    taking.renew(record, actor=actor)
    return ""


def _note(record: KycRecord, given: QueryDict, actor: User) -> str:
    taking.note(record, actor=actor, text=given.get("text", ""))
    if policy.may(actor, Act.RENEW, record, clock.now()):
        taking.renew(record, actor=actor)
    return "The note is kept, sealed, with the case."


def _claim(record: KycRecord, given: QueryDict, actor: User) -> str:
    taking.claim(record, actor=actor)
    return "You have it now."


def _release(record: KycRecord, given: QueryDict, actor: User) -> str:
    taking.release(record, actor=actor)
    return "Given back to the queue. What you marked stays."


def _renew(record: KycRecord, given: QueryDict, actor: User) -> str:
    until = taking.renew(record, actor=actor)
    return f"Yours until {until:%H:%M} UTC."


def _wake(record: KycRecord, given: QueryDict, actor: User) -> str:
    taking.wake(record, actor=actor)
    return "It is back in the queue."


STEPS: Final[dict[str, Callable[[KycRecord, QueryDict, User], str]]] = {
    "mark": _mark, "note": _note, "claim": _claim, "release": _release, "renew": _renew, "wake": _wake,
}  # fmt: skip


def answer(request: HttpRequest, record: KycRecord, step: str) -> HttpResponse:
    """Do it, and show the page as it is then; a refusal says why and changes nothing."""
    assert isinstance(request.user, User)  # noqa: S101 - the view let nobody else in
    in_place = request.headers.get("X-Requested-With") == IN_PLACE
    try:
        said = STEPS[step](record, request.POST, request.user)
    except ReviewError as refused:
        status = 403 if isinstance(refused, Refused) else 409
        return _refuse(request, record, str(refused), in_place, status)
    except VaultError:
        return _refuse(request, record, "Nothing can be sealed now: the keys aren't there.", in_place, 503)
    if in_place:
        return _part(request, record)
    if said:
        messages.success(request, said)
    return _back(request, record, step)


def _refuse(
    request: HttpRequest, record: KycRecord, words_: str, in_place: bool, status: int
) -> HttpResponse:
    if in_place:
        return JsonResponse({"refused": words_}, status=status)
    messages.error(request, words_)
    return _back(request, record, "")


def _back(request: HttpRequest, record: KycRecord, step: str) -> HttpResponse:
    """To the page as it was shown, and to the place on it."""
    chosen = case_page.chosen(request.GET)
    place = request.POST.get("place", "") if step == "mark" else ""
    anchor = f"#{case_page.anchor(place)}" if place else ""
    return HttpResponseRedirect(f"{words.case_url(record)}{chosen}{anchor}")


def _part(request: HttpRequest, record: KycRecord) -> HttpResponse:
    """The place that was marked, and how far the review is."""
    record.refresh_from_db()
    shown = case_page.after_mark(record, request.user, request.POST.get("place", ""), request.GET)
    return JsonResponse(
        {
            "revision": record.revision,
            "mark": render_to_string("admin/kyc/mark.html", shown, request),
            "progress": render_to_string("admin/kyc/progress.html", shown, request),
        }
    )
