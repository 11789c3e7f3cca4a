from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from coincurve import PrivateKey

from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.desk import SigningDesk
from payouts.tron.signing.journal import Journal
from payouts.tron.signing.signer import KeyFileSigner
from tests.payouts.tron.intents import CONTRACT
from tests.payouts.tron.vectors import KEYS

FEE_LIMIT_CAP_SUN = 20_000_000


@pytest.fixture
def signer() -> KeyFileSigner:
    return KeyFileSigner(PrivateKey(bytes.fromhex(KEYS["payer"]["private_key"])))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal") as journal:
        yield journal


@pytest.fixture
def desk_with(signer: KeyFileSigner, journal: Journal) -> Callable[[SigningCaps], SigningDesk]:
    return lambda caps: SigningDesk(signer, journal, caps, CONTRACT, FEE_LIMIT_CAP_SUN)


@pytest.fixture
def desk(desk_with: Callable[[SigningCaps], SigningDesk]) -> SigningDesk:
    return desk_with(SigningCaps())
