#!/usr/bin/python3
"""`lucid PROCESS COMMAND…`: a command of manage.py as that process would run it, by root alone.

    lucid web tokenkeys list             as lucid-web.service: its user, settings, secrets and network
    lucid signer treasury show           as the signer, which alone may open the key
    lucid root onion status              as root, with the web's settings: for what belongs to several users
    lucid doctor                         root, worker and signer in turn, each of what it can see

What a process is stands in its unit and nowhere else: this reads it from there, so that a command never has more
rights, other settings or another way out than the service itself. Needs nothing but Python's own library.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

UNITS: Final = Path("/etc/systemd/system")
COMMON_DROP_INS: Final = "lucid-.service.d"
# Root sees every file, the worker has the way out, the signer has its journal.
EXAMINED: Final = ("root", "worker", "signer")
ROOT: Final = "root"
METRICS: Final = "PROMETHEUS_MULTIPROC_DIR"
# In memory, as systemd's own are.
CREDENTIALS: Final = Path("/run")
PROGRAM: Final = ("/opt/lucid/.venv/bin/python", "/opt/lucid/manage.py")


class Unusable(Exception):
    """It can't be run like that; the text says why."""


@dataclass
class Unit:
    """A service's settings; a list holds what stands there several times, an empty value forgets what stood before."""

    name: str
    settings: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str, folder: Path = UNITS) -> Unit:
        """The unit `lucid-NAME.service` with the drop-ins that all of ours have, and its own. Raises Unusable."""
        if name == ROOT:
            return cls._root(folder)
        file = folder / f"lucid-{name}.service"
        if not file.is_file():
            known = ", ".join(
                sorted(found.stem.removeprefix("lucid-") for found in folder.glob("lucid-*.service"))
            )
            raise Unusable(f"There is no process {name}; those of this machine: {known or 'none'}.")
        unit = cls(name)
        own = f"lucid-{name}.service.d"
        drop_ins = [one for part in (COMMON_DROP_INS, own) for one in sorted((folder / part).glob("*.conf"))]
        for source in (file, *drop_ins):
            for key, value in _lines(source):
                unit._set(key, value)
        return unit

    @classmethod
    def _root(cls, folder: Path) -> Unit:
        """The web's settings and network, without its user."""
        unit = cls.read("web", folder)
        unit.name = ROOT
        for key in ("User", "Group"):
            unit.settings.pop(key, None)
        return unit

    def _set(self, key: str, value: str) -> None:
        if value:
            self.settings.setdefault(key, []).append(value)
        else:
            self.settings.pop(key, None)

    def last(self, key: str, default: str = "") -> str:
        return self.settings.get(key, [default])[-1]

    def every(self, key: str) -> list[str]:
        return self.settings.get(key, [])

    def account(self) -> pwd.struct_passwd:
        """Raises Unusable where the user isn't there yet."""
        try:
            return pwd.getpwnam(self.last("User", "root"))
        except KeyError:
            raise Unusable(f"There is no user {self.last('User')}: run deploy/systemd/install.") from None

    def environment(self, credentials: Path) -> dict[str, str]:
        """What the files say goes before what the unit says, as under systemd."""
        found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
        if "TERM" in os.environ:
            found["TERM"] = os.environ["TERM"]
        for word in [word for line in self.every("Environment") for word in shlex.split(line)]:
            name, _, value = word.partition("=")
            found[name] = value.replace("%d", str(credentials)).replace("%%", "%")
        for file in self.every("EnvironmentFile"):
            path = Path(file.removeprefix("-"))
            if path.exists() or not file.startswith("-"):
                found |= _variables(path)
        found["CREDENTIALS_DIRECTORY"] = str(credentials)
        return found

    def network(self) -> list[str]:
        """The start of a command line that has this unit's network: a namespace it joins, its own, or the machine's."""
        if self.last("PrivateNetwork") not in ("yes", "true"):
            return []
        for joined in self.every("JoinsNamespaceOf"):
            asked = ["systemctl", "show", "--property=MainPID", "--value", joined]
            told = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
            pid = told.stdout.strip()
            if pid.isdecimal() and int(pid):
                return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]
        return ["unshare", "--net", "--"]


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    text = file.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith(("#", ";", "[")):
            yield key.strip(), " ".join(value.split())


def _variables(file: Path) -> dict[str, str]:
    """A file of NAME=value lines, values quoted or not. Raises Unusable."""
    found = {}
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise Unusable(f"{file} can't be read: {error.strerror}.") from None
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", ";")):
            quoted = value[:1] in ("'", '"')
            found[name.strip()] = "".join(shlex.split(value)) if quoted else value.strip()
    return found


@contextmanager
def credentials(unit: Unit) -> Iterator[Path]:
    """A folder with the unit's credentials, readable by its user alone, gone afterwards."""
    account = unit.account()
    folder = Path(tempfile.mkdtemp(prefix="lucid-credentials-", dir=CREDENTIALS))
    try:
        for line in unit.every("LoadCredential"):
            name, _, source = line.partition(":")
            try:
                content = Path(source).read_bytes()
            except OSError as error:
                raise Unusable(f"{source} can't be read: {error.strerror}.") from None
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.chown(folder / name, account.pw_uid, account.pw_gid)
        os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_user(unit: Unit) -> list[str]:
    """The start of a command line that has the unit's user, groups and capabilities, and no way to more rights."""
    if unit.name == ROOT:
        return []
    group = unit.last("Group") or str(unit.account().pw_gid)
    words = [word for line in unit.every("AmbientCapabilities") for word in line.split()]
    kept = ",".join(["-all", *(f"+{word.removeprefix('CAP_').lower()}" for word in words)])
    return [
        *("setpriv", f"--reuid={unit.account().pw_uid}", f"--regid={group}", "--init-groups"),
        *("--no-new-privs", f"--bounding-set={kept}", f"--inh-caps={kept}", f"--ambient-caps={kept}", "--"),
    ]


def run(name: str, arguments: list[str]) -> int:
    """Run manage.py with `arguments` as the process `name`; answers its exit code. Raises Unusable."""
    unit = Unit.read(name)
    with credentials(unit) as folder:
        environment = unit.environment(folder)
        if METRICS in environment:
            # What a command counts is nobody's: it goes with the folder.
            environment[METRICS] = str(folder)
        command = [*unit.network(), *as_user(unit), *PROGRAM, *arguments]
        os.umask(int(unit.last("UMask", "0077"), 8))
        return subprocess.run(  # noqa: S603 - no shell, and a program of ours
            command, env=environment, cwd=unit.last("WorkingDirectory", "/"), check=False
        ).returncode


def main(arguments: list[str]) -> int:
    if os.geteuid() != 0:
        raise Unusable("Only root can become each of the processes: use sudo.")
    if arguments[:1] == ["doctor"]:
        first, *others = EXAMINED
        return max(run(first, arguments), *(run(name, [*arguments, "--rest"]) for name in others))
    if len(arguments) < 2 or arguments[0].startswith("-"):
        raise Unusable("usage: lucid PROCESS COMMAND…   or: lucid doctor")
    return run(arguments[0], arguments[1:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Unusable as problem:
        sys.stderr.write(f"lucid: {problem}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
