"""The application's database password changes on a server that asks for it, and a change that was cut off goes on."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from lucid_payments import database_password
from lucid_payments.database_password import change
from lucid_payments.embedded.postgres import EmbeddedPostgres
from lucid_payments.secret_files import SecretFileError

FIRST = "the first: pass/word"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A cluster of its own that asks the application's role for a password."""
    home = Path(tempfile.mkdtemp(prefix="lucid-pw-"))
    (home / "s").mkdir(mode=0o700)
    cluster = EmbeddedPostgres(home, home / "s", durable=False)
    cluster.prepare()
    (cluster.data / "pg_hba.conf").write_text("local all lucid_app scram-sha-256\nlocal all all trust\n")
    running = cluster.spawn(subprocess.DEVNULL)
    try:
        cluster.wait_until_ready(running)
        yield cluster
    finally:
        running.send_signal(2)
        running.wait(20)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def folder(server: EmbeddedPostgres, tmp_path: Path) -> Path:
    with psycopg.connect(server.url("lucid_owner", "postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'lucid_app'").fetchone():
            connection.execute("CREATE ROLE lucid_app LOGIN")
        connection.execute(psycopg.sql.SQL("ALTER ROLE lucid_app PASSWORD {}").format(FIRST))
    url = f"postgresql://lucid_app:{quote(FIRST, safe='')}@{quote(str(server.sockets), safe='')}/postgres"
    for process in ("web", "worker"):
        (tmp_path / process).mkdir()
        (tmp_path / process / "database-url").write_text(url + "\n")
        (tmp_path / process / "database-url").chmod(0o400)
    return tmp_path


def url(folder: Path) -> str:
    (one,) = {file.read_text().strip() for file in folder.glob("*/database-url")}
    return one


def opens(url: str) -> bool:
    return database_password._opens(url)


def test_the_new_password_counts_and_the_old_one_no_longer(folder: Path) -> None:
    old = url(folder)
    assert opens(old)
    with psycopg.connect(old) as open_session:
        change([folder])
        assert open_session.execute("SELECT 1").fetchone() == (1,), "who works goes on"
    new = url(folder)
    assert (new != old, opens(new), opens(old)) == (True, True, False)
    assert new.rpartition("@")[2] == old.rpartition("@")[2]
    assert {file.name for file in (folder / "web").iterdir()} == {"database-url"}
    assert {file.stat().st_mode & 0o777 for file in folder.glob("*/database-url")} == {0o400}


@pytest.mark.parametrize("told", [False, True], ids=["before the server was told", "after it"])
def test_a_change_that_was_cut_off_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    old = url(folder)
    tell = database_password._tell_server

    def cut_off(*given: str) -> None:
        if told:
            tell(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(database_password, "_tell_server", cut_off)
    with pytest.raises(KeyboardInterrupt):
        change([folder])
    monkeypatch.setattr(database_password, "_tell_server", tell)
    assert opens(old) is not told
    change([folder])
    assert (opens(url(folder)), opens(old)) == (True, False)


def test_files_that_differ_and_urls_without_a_password_are_refused(folder: Path) -> None:
    file = folder / "web" / "database-url"
    before = url(folder)
    file.chmod(0o600)
    file.write_text(before.replace("/postgres", "/other"))
    with pytest.raises(SecretFileError, match="2 different ones"):
        change([folder])
    for one in folder.glob("*/database-url"):
        one.chmod(0o600)
        one.write_text("postgresql://lucid_app@%2Frun%2Fpg/lucid\n")
    with pytest.raises(SecretFileError, match="no password"):
        change([folder])
    assert opens(before)
