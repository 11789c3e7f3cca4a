"""`deploy/keys/module`: a folder that a container without any library of an HSM can sign by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import softhsm

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
# With the folder's module alone, as the signer has it; then where what is loaded came from.
SIGNS = """
import sys
from pathlib import Path
from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.hsm_login import HsmPlace
from payouts.tron.signing.secret import Secret

folder, pin, refused = sys.argv[1:]
signer = HsmSigner.create(HsmPlace(folder + "/module.so", "treasury", "new", refused=Path(refused)), Secret(pin))
print(signer.address, len(signer.sign(bytes(32))))
print(*{line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if folder in line})
"""


def gathered(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(DEPLOY / "keys" / "module"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.softhsm
def test_what_was_gathered_signs_from_its_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pkcs11"
    with softhsm.running(tmp_path / "hsm", monkeypatch) as hsm:
        assert gathered(hsm.module, folder).returncode == 0
        names = {file.name for file in folder.iterdir()}
        assert {"module.so", "libcrypto.so.3", "libstdc++.so.6"} <= names
        assert not [name for name in names if name.startswith(("libc.so", "libm.so", "ld-"))], (
            "the image's own"
        )
        done = subprocess.run(
            [sys.executable, "-c", SIGNS, str(folder), softhsm.PIN_TEXT, str(tmp_path / "refused")],
            capture_output=True, text=True, check=False, cwd=DEPLOY.parent,
            env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    address, length = done.stdout.splitlines()[0].split()
    assert (address[0], length) == ("T", "65")
    assert {f"{folder}/module.so", f"{folder}/libcrypto.so.3"} <= set(done.stdout.splitlines()[1].split())


@pytest.mark.parametrize(
    ("given", "said"),
    [(("/nonexistent.so",), "isn't there"), ((__file__,), "no library"), ((), "name a PKCS#11")],
)
def test_what_is_no_module_is_refused(tmp_path: Path, given: tuple[str, ...], said: str) -> None:
    done = gathered(*given, tmp_path / "pkcs11")
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "pkcs11" / "module.so").exists()


def test_compose_gives_the_folder_and_the_pin_to_the_signer_alone() -> None:
    base: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    hsm: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.hsm.yaml").read_text())
    subprocess.run(
        [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec",
         DEPLOY / "compose.hsm.yaml"], check=True, capture_output=True,
    )  # fmt: skip
    assert list(hsm["services"]) == ["signer"]
    signer = hsm["services"]["signer"]
    assert signer.keys() == {"environment", "volumes"}, "neither a device nor a right"
    assert signer["environment"]["TREASURY_KEY_FILE"] == ""
    assert hsm["secrets"].keys() <= base["secrets"].keys()
    assert all(secret["file"].endswith("/signer/treasury-pin") for secret in hsm["secrets"].values())
    for name, service in base["services"].items():
        assert not hsm["secrets"].keys() & set(service.get("secrets", [])) or name == "signer"
