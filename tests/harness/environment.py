"""The environment the settings read in a test run, fixed before anything imports them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from kyc import keyring as vault_keys
from lucid_payments.accounts import keyring
from lucid_payments.embedded.postgres import APP_ROLE, OWNER, EmbeddedPostgres
from lucid_payments.embedded.sockets import socket_folder
from lucid_payments.embedded.valkey import EmbeddedValkey
from lucid_payments.private_files import private_folder

HOME_VARIABLE = "LUCID_TEST_HOME"
TEMPLATE_VARIABLE = "LUCID_TEST_TEMPLATE"
# The treasury of the tests: a private key that everybody can read here and that holds nothing anywhere.
TREASURY_PRIVATE_KEY = bytes.fromhex("5e" * 32)
TREASURY_ADDRESS = "TVgADTC7qnyy2Q2JgijCLWtwzkMRUvgjsn"
FIXED = {
    "LUCID_ENV": "test",
    "DJANGO_SETTINGS_MODULE": "lucid_payments.settings",
    "SECRET_KEY": "a secret for tests alone, long enough for Django's own check of it",
    "WEBHOOK_KEY": "a key for tests alone, which webhooks' secrets follow from",
    "TRON_NETWORK": "devnet",
    # Every estimate by the queue as it is: tests look at once.
    "ESTIMATE_SECONDS": "0",
    "TREASURY_ADDRESS": TREASURY_ADDRESS,
    # Everybody here is new; what is about new addresses sets a limit of its own.
    "NEW_ADDRESS_LIMIT": "10000",
}


@dataclass(frozen=True)
class TestServers:
    """Where this run's servers are; `postgres` and `valkey` are None where real ones are given."""

    __test__ = False

    home: Path
    owner_url: str
    app_url: str
    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None
    ours_to_start: bool

    @property
    def template(self) -> str:
        return os.environ[TEMPLATE_VARIABLE]


def worker_name() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def with_database(url: str, database: str) -> str:
    """`url` with another database's name."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def prepare() -> TestServers:
    """Fix the environment; xdist's workers inherit the first process's, and start nothing of their own."""
    ours_to_start = HOME_VARIABLE not in os.environ
    if ours_to_start:
        os.environ[HOME_VARIABLE] = tempfile.mkdtemp(prefix="lucid-test-")
        os.environ[TEMPLATE_VARIABLE] = f"lucid_template_{os.getpid()}"
        _name_servers(Path(os.environ[HOME_VARIABLE]))
    home = Path(os.environ[HOME_VARIABLE])
    owner_url, app_url = os.environ["DATABASE_OWNER_URL"], os.environ["DATABASE_URL"]
    os.environ.update(FIXED)
    os.environ["JWT_KEYS_DIR"] = str(keyring.create(home / "jwt").folder)
    vault_keys.create(home / "kyc-keys.json")
    os.environ["KYC_KEYS_FILE"] = str(home / "kyc-keys.json")
    os.environ["DATABASE_URL"] = with_database(app_url, f"{os.environ[TEMPLATE_VARIABLE]}_{worker_name()}")
    sockets = socket_folder(home)
    postgres = EmbeddedPostgres(home, sockets, durable=False)
    valkey = EmbeddedValkey(home, sockets, "test")
    is_our_valkey = os.environ["BROKER_URL"] == valkey.broker_url
    if is_our_valkey:
        _own_numbers(worker_name())
    return TestServers(
        home=home,
        owner_url=owner_url,
        app_url=app_url,
        postgres=postgres if owner_url == postgres.url(OWNER) else None,
        valkey=valkey if is_our_valkey else None,
        ours_to_start=ours_to_start,
    )


def _own_numbers(worker: str) -> None:
    """Databases of Valkey for this worker of xdist alone, subprocesses included.

    Another worker's users have the same numbers, and what is counted, nudged and lost there is none of ours. Valkey
    has 16: 0 and 1 are the run's without workers, 2 and 3 a second system's of the faults, the rest six workers'.
    """
    if worker.startswith("gw"):
        pair = 4 + int(worker.removeprefix("gw")) % 6 * 2
        os.environ["BROKER_URL"] = os.environ["BROKER_URL"].replace("virtual_host=0", f"virtual_host={pair}")
        os.environ["CACHE_URL"] = os.environ["CACHE_URL"].replace("db=1", f"db={pair + 1}")


def _name_servers(home: Path) -> None:
    sockets = socket_folder(private_folder(home))
    postgres = EmbeddedPostgres(home, sockets)
    valkey = EmbeddedValkey(home, sockets, "test")
    if "DATABASE_OWNER_URL" not in os.environ or "DATABASE_URL" not in os.environ:
        os.environ["DATABASE_OWNER_URL"] = postgres.url(OWNER)
        os.environ["DATABASE_URL"] = postgres.url(APP_ROLE)
    if "BROKER_URL" not in os.environ or "CACHE_URL" not in os.environ:
        os.environ["BROKER_URL"] = valkey.broker_url
        os.environ["CACHE_URL"] = valkey.cache_url
