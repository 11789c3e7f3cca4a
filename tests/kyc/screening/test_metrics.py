"""What Prometheus hears of screening."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kyc import screening
from kyc.models import Moment
from lucid_payments.api import metrics
from tests.kyc.screening.lists import put_in_force, stage, tron


def value(name: str, labels: str = "") -> float:
    told = metrics.exposition().decode()
    found = re.search(rf"^{re.escape(name + labels)} (\S+)$", told, re.M)
    assert found, f"{name}{labels}"
    return float(found[1])


def test_lists_cases_hits_and_times_are_told(
    db: None, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    put_in_force(stage(tron("listed").encode()))
    hit = '{grade="exact",moment="registration"}'
    before = value("tron_screening_hits_total", hit)
    looks = value("tron_screening_seconds_count", '{kind="address"}')
    cases = value("tron_screening_open_cases")

    with django_capture_on_commit_callbacks(execute=True):
        screening.screen_address(tron("listed"), moment=Moment.REGISTRATION)
        screening.screen_address(tron("clear"), moment=Moment.REGISTRATION)

    assert value("tron_screening_hits_total", hit) == before + 1
    assert value("tron_screening_seconds_count", '{kind="address"}') == looks + 2
    assert value("tron_screening_open_cases") == cases + 1
    assert value("tron_screening_list_age_seconds", '{list="frozen"}') < 3600
