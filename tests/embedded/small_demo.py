"""A demo in small, run by `test_supervisor` as a process of its own: PostgreSQL, Valkey and one application.

The application has a child of its own that ignores SIGTERM, the worst that a real one could do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lucid_payments.embedded import leftovers
from lucid_payments.embedded import postgres as embedded_postgres
from lucid_payments.embedded.home import held, open_home
from lucid_payments.embedded.output import Output
from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.embedded.processes import spawn
from lucid_payments.embedded.sockets import remove_socket_folder, socket_folder
from lucid_payments.embedded.supervisor import Service, StopRequested, Supervisor
from lucid_payments.embedded.valkey import EmbeddedValkey

APPLICATION = """
import signal, subprocess, sys, time
if len(sys.argv) == 3:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("application says hello", flush=True)
    open("app-is-ready", "w").close()
else:
    subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1], "child"])
time.sleep(600)
"""


def main(home: Path) -> None:
    with held(open_home(home)):
        for name in leftovers.end_leftovers(home):
            print("ended", name, flush=True)
        sockets = socket_folder(home)
        postgres = EmbeddedPostgres(home, sockets)
        valkey = EmbeddedValkey(home, sockets, "pw")
        application = [sys.executable, "-c", APPLICATION, APPLICATION]
        environment = {**os.environ, "SMALL_DEMO": str(home)}
        ready = home / "app-is-ready"
        supervisor = Supervisor(home, Output(home))
        supervisor.answer_signals()
        try:
            supervisor.start(
                Service(
                    "postgres",
                    lambda: postgres.spawn(subprocess.PIPE),
                    postgres.is_ready,
                    prepare=postgres.prepare,
                    stop_signal=embedded_postgres.STOP_SIGNAL,
                    is_server=True,
                )
            )
            supervisor.start(
                Service(
                    "valkey",
                    lambda: valkey.spawn(subprocess.PIPE),
                    valkey.is_ready,
                    prepare=valkey.prepare,
                    is_server=True,
                ),
                Service(
                    "app",
                    lambda: spawn(application, environment, home),
                    ready.exists,
                    prepare=lambda: ready.unlink(missing_ok=True),
                ),
            )
            supervisor.output.say("everything stands")
            supervisor.watch()
        except StopRequested:
            pass
        finally:
            supervisor.stop()
            remove_socket_folder(home, sockets)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
