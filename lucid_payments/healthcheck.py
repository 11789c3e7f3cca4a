"""What a container's health check runs: `python3 -m lucid_payments.healthcheck web|ready|process`.

- `web`: the web process answers (`GET /health/live`).
- `ready`: it has its database, its migrations, and a TRON node (`GET /health/ready?deep=1`).
- `process`: worker, signer or beat: its READY_FILE is touched while it works, so it may not be old.

Exit code 0 or 1, with a sentence. Only the standard library: it runs every few seconds on the smallest machine.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

SOCKET: Final = "/run/lucid/web/web.sock"
PATHS: Final = {"web": "/api/payment/health/live", "ready": "/api/payment/health/ready?deep=1"}
ANSWER_SECONDS: Final = 4
# Celery touches the file every few seconds; a process that stands still this long serves nobody.
SILENT_SECONDS: Final = 150


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def problem_of(what: str) -> str:
    """Empty where `what` is well, else one sentence."""
    return _problem_of_process() if what == "process" else _problem_of_web(PATHS[what])


def _problem_of_web(path: str) -> str:
    # Django answers only to its own names.
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip() or "localhost"
    connection = _SocketConnection(os.environ.get("WEB_SOCKET") or SOCKET)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        text = answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"The web process doesn't answer: {error}"
    finally:
        connection.close()
    return "" if answer.status == http.HTTPStatus.OK else f"{path} is answered {answer.status}: {text}"


def _problem_of_process() -> str:
    file = Path(os.environ.get("READY_FILE") or "/tmp/ready")  # noqa: S108 - a container's own
    try:
        silent = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return "The process isn't ready yet."
    return f"The process has been silent for {silent:.0f} seconds." if silent > SILENT_SECONDS else ""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in (*PATHS, "process"):
        sys.stderr.write("usage: python3 -m lucid_payments.healthcheck web|ready|process\n")
        return 2
    problem = problem_of(arguments[0])
    sys.stdout.write((problem or "well") + "\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
