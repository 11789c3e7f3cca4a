"""A rotation from a key file into an HSM: the file's key is swept, and the key that was made inside pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from payouts import signer, treasury_keys
from payouts.models import Attempt
from payouts.tron.signing.hsm import HsmSigner
from tests import softhsm
from tests.payouts.admin.world import user
from tests.payouts.flow.test_rotation import NEW_COLD, OLDER_COLD, code_asked_for, rotate
from tests.payouts.flow.test_sweep import TRX_FUNDS, go_on
from tests.payouts.flow.world import FUNDS, USDT, World, forget_process_state
from tests.softhsm import LABEL, PIN, PIN_TEXT

pytestmark = pytest.mark.softhsm


def test_the_file_s_key_is_swept_and_the_hsm_s_pays(
    world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with softhsm.running(tmp_path / "hsm", monkeypatch) as token:
        new = HsmSigner.create(token.place(), PIN).address
        (tmp_path / "pin").write_text(PIN_TEXT + "\n")
        settings.TREASURY_PKCS11_MODULE, settings.TREASURY_PKCS11_TOKEN = token.module, LABEL
        settings.TREASURY_PIN_FILE = str(tmp_path / "pin")
        settings.TREASURY_OTHER_ADDRESS, settings.TREASURY_OTHER_PKCS11_KEY = new, LABEL
        for key, destination in ((settings.TREASURY_ADDRESS, OLDER_COLD), (new, NEW_COLD)):
            signer.keybook().fix_destination(key, destination, by="ann, bob", reason="test", now_ms=0)
        forget_process_state()
        world.signer_lives()
        for name in ("ann", "bob"):
            user("admin", name=name)
        monkeypatch.setattr("lucid_payments.backoffice.prompt.getpass", code_asked_for)

        rotate()
        go_on(world, rounds=20)
        assert world.devnet.balances(OLDER_COLD)["usdt"] == FUNDS
        world.devnet.fund(new, usdt=100 * USDT, trx_sun=TRX_FUNDS, mine=True)
        payout = world.create()
        world.settle()
        payout.refresh_from_db()
        assert payout.status == "confirmed"
        assert (
            {attempt.owner_address for attempt in Attempt.objects.all()} == {new} == {treasury_keys.current()}
        )
        forget_process_state()
