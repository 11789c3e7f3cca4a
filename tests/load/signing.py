"""`make bench`'s signers: how many txids a second a key in a file signs, and one in an HSM (here SoftHSM)."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from coincurve import PrivateKey

from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.signer import KeyFileSigner, Signer
from tests import softhsm

COUNT = 2_000


def main(count: int = COUNT) -> int:
    print(
        f"\nSignatures, each checked against the address, {count} one after the other on one core", flush=True
    )
    told("key file", KeyFileSigner(PrivateKey()), count)
    if shutil.which("softhsm2-util") is None:
        print("HSM: SoftHSM isn't here (Debian: softhsm2)", flush=True)
        return 0
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as environment,
        softhsm.running(Path(folder) / "hsm", environment) as token,
    ):
        told("HSM (SoftHSM by PKCS#11)", HsmSigner.create(token.place(), softhsm.PIN), count)
    return 0


def told(name: str, signer: Signer, count: int) -> None:
    txids = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(count)]
    begun = time.perf_counter()
    for txid in txids:
        signer.sign(txid)
    seconds = time.perf_counter() - begun
    print(f"{name}: {count / seconds:,.0f} a second, {1_000 * seconds / count:.2f} ms each", flush=True)
