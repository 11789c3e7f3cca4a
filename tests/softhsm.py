"""SoftHSM tokens in a folder of their own: the PKCS#11 of any HSM, without the hardware."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest
from coincurve import PrivateKey
from pkcs11 import Attribute, KeyType, ObjectClass

from payouts.tron.signing import hsm_login
from payouts.tron.signing.hsm import CURVE, MADE_INSIDE
from payouts.tron.signing.hsm_login import HsmPlace
from payouts.tron.signing.secret import Secret

PIN_TEXT = "canary-pin-4711"
PIN = Secret(PIN_TEXT)
SO_PIN = "a security officer's"
LABEL = "treasury"


def module() -> str:
    """Where Debian has the library."""
    found = [
        *Path("/usr/lib").glob("softhsm/libsofthsm2.so"),
        *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"),
    ]
    return str(found[0])


@dataclass(frozen=True)
class SoftHsm:
    folder: Path
    module: str

    def make(self, label: str = LABEL, pin: str = PIN_TEXT) -> None:
        """A token; seen by what is opened from now on."""
        _init_token(label, pin, os.environ)
        self.restart()

    def restart(self) -> None:
        """The module starts anew, as an HSM does that was switched off: every session is lost."""
        library = pkcs11.lib(self.module)
        library.reinitialize()

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    def place(self, key: str = LABEL, token: str = LABEL) -> HsmPlace:
        return HsmPlace(self.module, token, key, refused=self.folder / "pin-refused")

    def put(self, key: PrivateKey, label: str = LABEL) -> None:
        """A key from outside, so that a key file can hold the same one. Ours are made inside."""
        point = key.public_key.format(compressed=False)
        common = {
            Attribute.KEY_TYPE: KeyType.EC, Attribute.TOKEN: True, Attribute.LABEL: label,
            Attribute.EC_PARAMS: CURVE,
        }  # fmt: skip
        private = {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.VALUE: key.secret, Attribute.SIGN: True, **MADE_INSIDE
        }  # fmt: skip
        public = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.EC_POINT: b"\x04\x41" + point}
        with hsm_login.LOCK, hsm_login.login(self.place(), PIN, writes=True) as session:
            session.create_object({**common, **private})
            session.create_object({**common, **public})


@contextmanager
def running(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    """SoftHSM with one token `treasury`, its folder this test's own."""
    hsm = SoftHsm(folder, module())
    shutil.copytree(_template().name, folder)
    monkeypatch.setenv("SOFTHSM2_CONF", str(_configured(folder)))
    hsm.restart()
    yield hsm
    pkcs11.lib(hsm.module).finalize()


@functools.cache
def _template() -> tempfile.TemporaryDirectory[str]:
    """A token that is made once and copied: making one takes longer than most tests with it."""
    made = tempfile.TemporaryDirectory(prefix="softhsm-")
    folder = Path(made.name)
    (folder / "tokens").mkdir()
    _init_token(LABEL, PIN_TEXT, {**os.environ, "SOFTHSM2_CONF": str(_configured(folder))})
    return made


def _configured(folder: Path) -> Path:
    conf = folder / "softhsm2.conf"
    conf.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    return conf


def _init_token(label: str, pin: str, environment: Mapping[str, str]) -> None:
    told = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", SO_PIN]
    subprocess.run(told, check=True, capture_output=True, env=environment)
