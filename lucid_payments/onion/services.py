"""The onion services as they stand in tor's state folder (`ONION_FOLDER`): a folder each, and in it tor's own files.

A fenced service is served to those whose public keys stand in its `authorized_clients`; where no file of a client is
there, tor serves everybody. So one client stays for ever: `dummy`, whose private key nobody has.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from lucid_payments.onion import client_keys
from lucid_payments.onion.client_keys import ClientKey
from lucid_payments.private_files import replace_file

API: Final = "api"
ADMIN: Final = "admin"
# Grafana and Prometheus are there where monitoring is on (`deploy/tor/monitoring.conf`).
FENCED: Final = (ADMIN, "grafana", "prometheus")
NAMES: Final = (API, *FENCED)
DUMMY: Final = "dummy"
# What a file name, a line of a terminal and an audit entry may hold.
CLIENT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class OnionRefused(Exception):
    """It can't be done; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Client:
    """A person who may reach a fenced service, by public key."""

    name: str
    public_key: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OnionService:
    name: str
    folder: Path

    @property
    def is_fenced(self) -> bool:
        """Whether it is for chosen clients alone, if its folder is as it should be (`exposed`)."""
        return self.name in FENCED

    @property
    def clients_folder(self) -> Path:
        return self.folder / "authorized_clients"

    def is_set_up(self) -> bool:
        """Whether tor serves it here: the start makes a folder for each, but monitoring may be off."""
        return self.folder.is_dir() and (self.name in (API, ADMIN) or bool(self.address()))

    def address(self) -> str:
        """`….onion`, or empty until tor has made it. Raises OnionRefused where tor's folder can't be read."""
        try:
            return (self.folder / "hostname").read_text().strip()
        except FileNotFoundError:
            return ""
        except PermissionError:
            raise OnionRefused(f"{self.folder} can't be read: run this as root or as tor's user.") from None

    def clients(self) -> list[Client]:
        """Whose keys tor reads, the dummy among them, by name. Raises OnionRefused."""
        try:
            # A folder that can't be read is no empty one; glob would say that it is.
            names = sorted(name for name in os.listdir(self.clients_folder) if name.endswith(".auth"))
            found = [_client(self.clients_folder / name) for name in names]
        except FileNotFoundError:
            return []
        except PermissionError:
            raise OnionRefused(f"{self.folder} can't be read: run this as root or as tor's user.") from None
        return [client for client in found if client is not None]

    def is_exposed(self) -> bool:
        """Whether it should be fenced and has no client that tor can read: it is served to everybody."""
        return self.is_fenced and self.is_set_up() and not self.clients()

    def add(self, name: str) -> ClientKey:
        """Write a new client's public key; the answer is all there is of the private one. Raises OnionRefused."""
        self._require_fence()
        if not CLIENT_NAME.fullmatch(name) or name == DUMMY:
            raise OnionRefused(
                "A client's name is of small letters, digits and hyphens, at most 40, and not dummy."
            )
        if (self.clients_folder / f"{name}.auth").exists():
            raise OnionRefused(f"{name} has a key already: remove it first, or use another name.")
        self.keep_dummy()
        key = client_keys.generate()
        self._write(name, key)
        return key

    def remove(self, name: str) -> str:
        """Delete a client's key; answers the public key. The dummy stays, and so the fence. Raises OnionRefused."""
        self._require_fence()
        found = {client.name: client for client in self.clients()}
        if name == DUMMY or name not in found:
            raise OnionRefused(
                f"There is no client {name}." if name != DUMMY else "The dummy is the fence: it stays."
            )
        self.keep_dummy()
        (self.clients_folder / f"{name}.auth").unlink()
        return found[name].public_key

    def keep_dummy(self) -> None:
        """Make the client that nobody is, unless it is there."""
        if DUMMY not in {client.name for client in self.clients()}:
            self._write(DUMMY, client_keys.generate())

    def _require_fence(self) -> None:
        if not self.is_fenced:
            raise OnionRefused(
                f"The {self.name} service is for everybody: clients are of {', '.join(FENCED)}."
            )
        if not self.clients_folder.is_dir():
            raise OnionRefused(f"{self.clients_folder} isn't there: start tor once (deploy/tor/start).")

    def _write(self, name: str, key: ClientKey) -> None:
        file = self.clients_folder / f"{name}.auth"
        replace_file(file, key.public_line + "\n")
        # Root may write what tor, which runs as somebody else, has to read.
        owner = self.clients_folder.stat()
        if os.geteuid() == 0:
            os.chown(file, owner.st_uid, owner.st_gid)


def service(name: str) -> OnionService:
    """One of NAMES. Raises OnionRefused where ONION_FOLDER isn't set."""
    return OnionService(name, folder() / name)


def every() -> list[OnionService]:
    """Those that are set up on this machine. Raises OnionRefused."""
    found = [service(name) for name in NAMES]
    return [one for one in found if one.is_set_up()]


def folder() -> Path:
    """tor's state folder. Raises OnionRefused where it isn't set, isn't there or can't be entered."""
    if not settings.ONION_FOLDER:
        raise OnionRefused("ONION_FOLDER names no folder: set it to tor's state folder.")
    found = Path(settings.ONION_FOLDER)
    if not found.is_dir():
        raise OnionRefused(f"{found} isn't there: start tor once (deploy/tor/start).")
    if not os.access(found, os.R_OK | os.X_OK):
        raise OnionRefused(f"{found} can't be read: run this as root or as tor's user.")
    return found


def _client(file: Path) -> Client | None:
    """None for what tor wouldn't take for a client."""
    matched = client_keys.PUBLIC_LINE.fullmatch(file.read_text().strip())
    if matched is None:
        return None
    since = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return Client(file.stem, matched[1], since)
