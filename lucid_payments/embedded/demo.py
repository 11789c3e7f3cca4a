"""What `make demo` consists of: the processes, their order, and when each counts as ready."""

from __future__ import annotations

import http.client
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lucid_payments.embedded import postgres as embedded_postgres
from lucid_payments.embedded.environment import Environments, environments, names_real_servers
from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.embedded.processes import spawn
from lucid_payments.embedded.refusal import CannotStart
from lucid_payments.embedded.supervisor import Service, Supervisor
from lucid_payments.embedded.valkey import EmbeddedValkey
from lucid_payments.private_files import private_folder, secret_file

REPOSITORY = Path(__file__).resolve().parents[2]
DEVNET_OFFSET = 10
DEVNET_NODES = 2
READY_PATH = "/api/payment/health/ready"
# Celery's warning against root is meant for tasks that come as pickles; ours are JSON.
ROOT_IS_FINE = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True)
class Demo:
    """One demo in `home`, answering on `port`. Real servers in `given` take the embedded ones' place."""

    home: Path
    sockets: Path
    port: int
    block_seconds: int
    given: Mapping[str, str]
    history_days: int = 30

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/payment"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/admin/"

    @property
    def devnet_ports(self) -> list[int]:
        return [self.port + DEVNET_OFFSET + node for node in range(DEVNET_NODES)]

    @property
    def devnet_url(self) -> str:
        return f"http://127.0.0.1:{self.devnet_ports[0]}"

    def run(self, supervisor: Supervisor) -> None:
        """Start everything, tell how to use it, and keep it running until a signal raises StopRequested."""
        self._require_free_ports()
        known = self._start_servers(supervisor)
        supervisor.run_once("migrate", lambda: manage(known.owner, "migrate", "--no-input", "-v", "1"))
        supervisor.start(self._devnet(known))
        make_world = [sys.executable, "-m", "lucid_payments.embedded.world", *self._world_options()]
        supervisor.run_once("world", lambda: spawn(make_world, known.signer, REPOSITORY))
        supervisor.start(*self._applications(known))
        self._tell(supervisor)
        supervisor.watch()

    def _require_free_ports(self) -> None:
        for port in (self.port, *self.devnet_ports):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    raise CannotStart(
                        f"Port {port} is taken: end what listens there, or set DEMO_PORT to another "
                        f"(the demo uses DEMO_PORT, +{DEVNET_OFFSET} and +{DEVNET_OFFSET + 1})."
                    ) from None

    def _start_servers(self, supervisor: Supervisor) -> Environments:
        files = private_folder(self.home / "secrets")
        postgres = valkey = None
        if not names_real_servers(self.given, "DATABASE_URL", "DATABASE_OWNER_URL"):
            postgres = EmbeddedPostgres(self.home, self.sockets)
            supervisor.start(_postgres_service(postgres))
            postgres.create_roles_and_database()
        if not names_real_servers(self.given, "BROKER_URL", "CACHE_URL"):
            password = secret_file(files / "valkey", lambda: secrets.token_hex(24)).read_text().strip()
            valkey = EmbeddedValkey(self.home, self.sockets, password)
            supervisor.start(_valkey_service(valkey))
        made = ("treasury-address", "jwt", "audit-head.pem", "kyc-keys.json", "authority.json")
        if not all((files / name).exists() for name in made):
            make_keys = [sys.executable, "-m", "lucid_payments.embedded.keys", str(files)]
            supervisor.run_once("keys", lambda: spawn(make_keys, dict(self.given), REPOSITORY))
        return environments(self.home, self.given, self.devnet_ports, postgres, valkey)

    def _world_options(self) -> list[str]:
        """What `world` is told; it merges the rest of demo.json with `demo_file.merge`."""
        return [
            f"--demo-file={self.home / 'demo.json'}",
            f"--base-url={self.base_url}",
            f"--admin-url={self.admin_url}",
            f"--devnet-url={self.devnet_url}",
            f"--history-days={self.history_days}",
        ]

    def _devnet(self, known: Environments) -> Service:
        options = [f"--port={self.devnet_ports[0]}", f"--nodes={DEVNET_NODES}"]
        options += [f"--block-seconds={self.block_seconds}", f"--snapshot={self.home / 'devnet.snapshot'}"]
        return Service(
            "devnet",
            lambda: manage(known.public, "devnet", *options),
            lambda: answers(self.devnet_ports[0], "/wallet/getnowblock"),
        )

    def _applications(self, known: Environments) -> list[Service]:
        web = web_command(self.port)
        celery = [sys.executable, "-m", "celery", "-q", "-A", "lucid_payments.celery:app"]
        worker = [*celery, "worker", "-Q", "release,send,watch,default", "--concurrency=2", "-n", "worker@%h"]
        signer = [*celery, "worker", "-Q", "sign", "--pool=solo", "-n", "signer@%h"]
        beat = [*celery, "beat", "-s", str(private_folder(self.home / "beat") / "schedule"), "--pidfile="]
        return [
            Service(
                "web", lambda: spawn(web, known.public, REPOSITORY), lambda: answers(self.port, READY_PATH)
            ),
            self._celery("worker", worker, known.public),
            self._celery("signer", signer, known.signer),
            self._celery("beat", beat, known.public),
        ]

    def _celery(self, name: str, command: list[str], environment: dict[str, str]) -> Service:
        """Ready when the process itself has said so by making its READY_FILE."""
        ready = private_folder(self.home / "ready") / name
        told = {**environment, "READY_FILE": str(ready), "PYTHONWARNINGS": ROOT_IS_FINE}
        return Service(
            name,
            lambda: spawn(command, told, REPOSITORY),
            ready.exists,
            prepare=lambda: ready.unlink(missing_ok=True),
        )

    def _tell(self, supervisor: Supervisor) -> None:
        for line in (
            "",
            f"API          {self.base_url}",
            f"admin        {self.admin_url}",
            f"test chain   {self.devnet_url}",
            f"credentials  {self.home / 'demo.json'}",
            "Ctrl-C stops everything, the next `make demo` continues, `make demo-reset` starts afresh.",
            "",
        ):
            supervisor.output.say(line)


def web_command(port: int) -> list[str]:
    """The web process on this machine's `port`: two workers of four threads."""
    command = [sys.executable, "-m", "gunicorn", "lucid_payments.wsgi:application"]
    command += ["--config=python:lucid_payments.web_server", f"--bind=127.0.0.1:{port}"]
    return [*command, "--workers=2", "--threads=4", "--no-control-socket"]


def manage(environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    """Start one of Django's commands."""
    return spawn([sys.executable, "manage.py", *arguments], environment, REPOSITORY)


def answers(port: int, path: str) -> bool:
    """Whether a GET of `path` on this machine's `port` is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _postgres_service(postgres: EmbeddedPostgres) -> Service:
    return Service(
        "postgres",
        lambda: postgres.spawn(subprocess.PIPE),
        postgres.is_ready,
        prepare=postgres.prepare,
        stop_signal=embedded_postgres.STOP_SIGNAL,
        is_server=True,
    )


def _valkey_service(valkey: EmbeddedValkey) -> Service:
    return Service(
        "valkey",
        lambda: valkey.spawn(subprocess.PIPE),
        valkey.is_ready,
        prepare=valkey.prepare,
        is_server=True,
    )
