"""The demo's past: people paid day by day, and nothing in it that anybody should worry about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kyc import screening
from kyc.models import KycRecord, NodeOperator, OperatorStatus, QuarantinedRow, ScreeningCase
from lucid_payments import clock
from lucid_payments.embedded.environment import SCREENING_LISTS
from lucid_payments.embedded.keys import make_authority
from lucid_payments.embedded.world import history, lists, people
from payouts.models import Alarm, Payout
from tests.devnet.fixtures import RunningDevnet
from tests.payouts.flow.world import forget_process_state, write_key


def test_a_story_of_days_pays_everybody_and_raises_no_alarm(
    devnet: RunningDevnet, db: None, settings: Any, tmp_path: Path
) -> None:
    settings.TRON_NODES = [
        {"name": f"node{number}", "operator": f"operator{number}", "url": url}
        for number, url in enumerate(devnet.urls, 1)
    ]
    for name, value in write_key(tmp_path).items():
        setattr(settings, name, value)
    make_authority(tmp_path)
    settings.SCREENING_LISTS = json.loads(SCREENING_LISTS)
    forget_process_state()
    people.create()
    history.live_through(devnet.control, days=3)
    forget_process_state()
    assert set(Payout.objects.values_list("status", flat=True)) == {"confirmed"}
    # The operator's node was paid through the KYC router, by its attestation.
    assert Payout.objects.filter(node_id=people.VERIFIED_NODE, router_type="PayoutRouterKYC").exists()
    assert list(Alarm.objects.values_list("kind", "detail")) == []
    assert set(KycRecord.objects.values_list("state", flat=True)) == set(OperatorStatus)
    assert set(NodeOperator.objects.values_list("status", flat=True)) == set(OperatorStatus)
    cases = ScreeningCase.objects.order_by("grade").values_list("subject", "grade")
    assert list(cases) == [(people.wallet(lists.LISTED), "exact"), (people.wallet(lists.TWIN), "twin")]
    look = screening.look(
        [people.wallet(name) for name in (lists.LISTED, lists.TWIN, lists.LOOK_ALIKE)], clock.now()
    )
    assert look.stale == ""
    assert [look.verdict(address) for address in look.hits].count(screening.Verdict.HOLD) == 2
    assert QuarantinedRow.objects.count() == 1
