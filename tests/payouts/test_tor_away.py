"""Tor away: the watcher's round says so, and says when it is back; everything else waits as for lost nodes."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from lucid_payments import clock
from payouts import chain, lookout
from payouts.models.chain import Alarm, ChainState
from tests.harness.socks import socks_proxy


def raised() -> list[str]:
    lookout.tell(chain.state(), clock.now())
    return list(Alarm.objects.filter(kind=lookout.TOR_AWAY, cleared_at=None).values_list("kind", flat=True))


def test_an_alarm_stands_while_tor_is_away(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "required_operators", lambda: 1)
    ChainState.objects.get_or_create(pk=1)
    assert raised() == []
    settings.TOR_PROXY = "socks5h://127.0.0.1:1"
    assert raised() == raised() == [lookout.TOR_AWAY]
    with socks_proxy(("127.0.0.1", 1)) as proxy:
        settings.TOR_PROXY = f"socks5h://{proxy.address}"
        assert raised() == []
    assert Alarm.objects.filter(kind=lookout.TOR_AWAY).count() == 1
