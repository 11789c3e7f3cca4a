"""Two hands at one owner's wallet: one of them is first, and never are there two wallets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kyc.models import Wallet
from kyc.wallets import changing
from kyc.wallets.changing import Owner
from lucid_payments.accounts.models import User
from lucid_payments.api.errors import LucidError
from lucid_payments.backoffice import second_person
from lucid_payments.backoffice.acts import ActRefused
from lucid_payments.backoffice.models import TwoPersonAct
from tests.kyc.wallets import signing
from tests.kyc.wallets.signing import ADDRESSES
from tests.lucid_payments.backoffice.people import desk
from tests.payouts.test_races import at_once


@pytest.fixture
def user(cloned_database: str) -> User:
    return User.objects.create_user("paid", role="end_user")


def proof(user: User, key: int) -> partial[Wallet]:
    body = signing.body(user, key)
    return partial(
        changing.prove, Owner(user=user), actor=user, address=body["wallet_address"], nonce=body["nonce"],
        signature=body["signature"],
    )  # fmt: skip


def test_of_several_wallets_at_once_one_is_current_and_all_are_kept(user: User) -> None:
    found = at_once([proof(user, number % 3) for number in range(6)])
    assert all(isinstance(answer, Wallet) for answer in found), found
    assert Wallet.objects.filter(ended_at=None).count() == 1
    assert set(Wallet.objects.values_list("address", flat=True)) <= set(ADDRESSES)


def test_one_proof_sent_many_times_at_once_makes_one_wallet(user: User) -> None:
    once = proof(user, 0)
    found = at_once([once] * 6)
    assert {answer.pk for answer in found if isinstance(answer, Wallet)} == {Wallet.objects.get().pk}
    assert not [answer for answer in found if isinstance(answer, Exception)]


def test_a_confirmation_and_a_withdrawal_of_the_same_act_leave_one_of_them(user: User) -> None:
    asker, second = desk("compliance_officer"), desk("compliance_officer", name="second")
    asker.act("wallet.set", "new", whose="user", name="paid", address=ADDRESSES[0])
    act = TwoPersonAct.objects.get()
    calls: list[Callable[[], Any]] = [
        partial(second_person.confirm, act.pk, actor=second.user),
        partial(second_person.withdraw, act.pk, actor=asker.user),
    ]
    found = at_once(calls)
    act.refresh_from_db()
    refused = [answer for answer in found if isinstance(answer, Exception)]
    assert [type(answer) for answer in refused] == [ActRefused]
    assert Wallet.objects.exists() == (act.state == "confirmed")


def test_a_wallet_withdrawn_while_another_is_proven_ends_once(user: User) -> None:
    first = proof(user, 0)()
    calls: list[Callable[[], Any]] = [
        proof(user, 1),
        partial(changing.withdraw, first, actor=user, evidence={}),
    ]
    found = at_once(calls)
    assert not [answer for answer in found if isinstance(answer, LucidError)]
    assert Wallet.objects.get(ended_at=None).address == ADDRESSES[1]
    first.refresh_from_db()
    assert first.end in ("replaced", "withdrawn")
