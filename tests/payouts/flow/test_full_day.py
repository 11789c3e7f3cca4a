"""A day that is used up, reset by two people, and paid to the end: through signing and the signer's own ceiling."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command

from lucid_payments import clock
from lucid_payments.backoffice.models import TwoPersonAct
from payouts import signer
from payouts.models import Payout, SignerState
from payouts.release import release_due
from routers import limits
from routers.models import LimitWaiver, LimitWindow
from tests.lucid_payments.backoffice import people
from tests.lucid_payments.backoffice.people import Desk
from tests.payouts.admin.world import code_of, user
from tests.payouts.flow.world import RECIPIENTS, USDT, World
from tests.policies import set_policy

DAY = 50 * USDT
REASON = "the campaign's last day, agreed with the treasurer"


@pytest.fixture
def full_day(world: World) -> list[Payout]:
    """Two payouts of 25 have used up a day of 50 USDT; three of 5 wait for the next one."""
    set_policy(hourly_limit=100 * USDT, daily_limit=DAY)
    for number in range(2):
        world.create(25 * USDT, to=RECIPIENTS[number])
    world.settle()
    waiting = [world.create(to=RECIPIENTS[number]) for number in range(3)]
    world.tick()
    assert [held(payout) for payout in waiting] == ["daily_limit"] * 3
    assert day().posted == DAY
    return waiting


@pytest.fixture
def first() -> Desk:
    return people.desk(name="first")


@pytest.fixture
def second() -> Desk:
    return people.desk(name="second")


def day() -> LimitWindow:
    return LimitWindow.objects.get(
        scope="global", period="day", starts_at=limits.starts_of(clock.now())["day"]
    )


def held(payout: Payout) -> str | None:
    payout.refresh_from_db()
    return payout.hold_reason if payout.status == "scheduled" else payout.status


def ask(desk: Desk, usdt: int) -> Any:
    key = f"global@{limits.starts_of(clock.now())['day']:%Y-%m-%dT%H}"
    return desk.act("limit.reset_day", key, reason=REASON, amount=str(usdt))


def reset(first: Desk, second: Desk, usdt: int) -> None:
    assert ask(first, usdt).status_code == 302
    assert second.answer(TwoPersonAct.objects.latest("pk").pk, "confirm").status_code == 302


def move_caps(**options: str) -> None:
    call_command("signer", "caps", stdout=io.StringIO(), **options)


def signed() -> int:
    return sum(entry.amount for entry in signer.journal().entries())


def test_a_whole_day_is_reset_and_what_waited_is_paid(
    world: World, full_day: list[Payout], first: Desk, second: Desk
) -> None:
    reset(first, second, 50)
    assert (day().free, day().used) == (DAY, DAY), (
        "the whole day again, and nothing that was paid is forgotten"
    )

    world.settle()

    assert [held(payout) for payout in full_day] == ["confirmed"] * 3
    assert (day().posted, day().waived, signed()) == (DAY + 15 * USDT, DAY, DAY + 15 * USDT)
    world.check()


def test_a_reset_lets_go_no_unit_more_than_was_waived(
    world: World, full_day: list[Payout], first: Desk, second: Desk
) -> None:
    reset(first, second, 12)
    world.run(8)
    assert [held(payout) for payout in full_day] == ["confirmed", "confirmed", "daily_limit"]
    assert day().posted == DAY + 10 * USDT


def test_the_signer_s_ceiling_stands_in_the_way_until_two_people_move_it(
    world: World, full_day: list[Payout], first: Desk, second: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    people_at_the_prompt = {name: user("admin", name=name) for name in ("third", "fourth", "fifth")}
    monkeypatch.setattr(
        "lucid_payments.backoffice.prompt.getpass",
        lambda question: code_of(people_at_the_prompt[question.removesuffix(": ").rpartition(" ")[2]]),
    )
    move_caps(daily="60", hourly="55", actor="fifth", reason="a quiet week, so less is at stake")
    world.signer_lives()

    answer = ask(first, 50)

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "at most 60.00 USDT in one day" in page
    assert "manage.py signer caps --daily" in page
    assert (TwoPersonAct.objects.count(), LimitWaiver.objects.count(), day().waived) == (0, 0, 0)
    world.tick()
    assert [held(payout) for payout in full_day] == ["daily_limit"] * 3

    move_caps(daily="120", hourly="110", actor="third", second="fourth", reason=REASON)
    world.signer_lives()
    reset(first, second, 50)
    world.settle()

    assert [held(payout) for payout in full_day] == ["confirmed"] * 3
    assert signed() == DAY + 15 * USDT
    world.check()


def test_who_owns_the_database_moves_the_page_and_not_the_signer(
    world: World, full_day: list[Payout], first: Desk, second: Desk, settings: Any
) -> None:
    settings.SIGNER_DAILY_CAP = 60 * USDT
    SignerState.objects.update(daily_cap=10**12, hourly_cap=10**12)
    reset(first, second, 50)
    before = signed()

    release_due()
    world.signer_lives()

    assert signed() == before + 10 * USDT == 60 * USDT
    assert [held(payout) for payout in full_day] == ["released", "released", "signer"]
    detail = full_day[2].transitions.latest("pk").detail
    assert detail == "The signer refused: The signer's cap for 24 hours would be exceeded."
    assert SignerState.objects.get().daily_cap == 60 * USDT, "and its next round sets the page right"
