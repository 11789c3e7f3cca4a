"""From an older version to this one and back, each with its own code, while payouts are in flight: paid once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from lucid_payments.accounts.models import User
from lucid_payments.embedded.postgres import APP_ROLE, OWNER
from payouts import devnet_clock
from payouts.models import Attempt
from payouts.release import release_due
from tests.deploy.backup.conftest import devnet, devnet_process, identity, machines
from tests.deploy.backup.machine import Machine
from tests.devnet.fixtures import RunningDevnet
from tests.harness import migrated
from tests.harness.databases import REPOSITORY
from tests.payouts.flow.world import RECIPIENTS, USDT, World, forget_process_state

__all__ = ["devnet", "devnet_process", "identity", "machines"]

pytestmark = [pytest.mark.prove, pytest.mark.age]

# The older version is the one before this migration came: the first of its release.
FIRST = "payouts/migrations/0029_old_answers_may_go.py"
IN_FLIGHT = {(to, amount * USDT): 1 for to, amount in zip(RECIPIENTS, (5, 6, 7, 8), strict=True)}


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The older version's whole tree, and the one script that drives it."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", FIRST).decode().split()
    assert added, f"{FIRST} isn't in this repository's history: clone it whole"
    tree = tmp_path_factory.mktemp("older")
    subprocess.run(["tar", "-x", "-C", str(tree)], input=git("archive", f"{added[-1]}^"), check=True)
    (tree / "older.py").write_text((Path(__file__).parent / "older.py").read_text())
    return tree


def marks(tree: Path) -> dict[str, str]:
    """The newest migration of each app of ours in it, as its `manage.py schema show` would say."""
    found: dict[str, str] = {}
    for file in sorted(tree.glob("*/migrations/0*.py")) + sorted(
        tree.glob("lucid_payments/*/migrations/0*.py")
    ):
        found[file.parent.parent.name] = file.stem
    return found


def manage(machine: Machine, *arguments: str) -> str:
    url = machine.postgres.url(APP_ROLE, migrated.DATABASE)
    given = {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_OWNER_URL": machine.postgres.url(OWNER, migrated.DATABASE),
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def by_the_older(tree: Path, machine: Machine, devnet: RunningDevnet, act: str) -> list[list[str]]:
    """The older version's processes do so much, and end."""
    given = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.harness.settings",
        "DATABASE_URL": machine.postgres.url(OWNER, migrated.DATABASE),
        "PYTHONPATH": str(tree),
    }
    asked = json.dumps({"act": act, "urls": devnet.urls, "folder": str(machine.signer)})
    done = subprocess.run(
        [sys.executable, "older.py"],
        cwd=tree,
        env=given,
        input=asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_an_upgrade_with_payouts_in_flight_and_the_way_back_pay_each_once(
    older: Path, machines: Callable[[str], Machine], devnet: RunningDevnet, settings: Settings, tmp_path: Path
) -> None:
    machine = machines("only")
    machine.make()
    before = tmp_path / "before.json"
    everything: dict[str, Any] = json.loads(manage(machine, "schema", "show"))
    before.write_text(
        json.dumps({app: name for app, name in {**everything, **marks(older)}.items() if app in everything})
    )
    told = manage(machine, "schema", "back", str(before), "--yes")
    assert re.search("undone: payouts 0029", told)

    known = by_the_older(older, machine, devnet, "begin")
    assert sorted(state for _, state in known) == ["included", "sent", "signed"]

    manage(machine, "migrate", "--no-input", "-v", "0")
    machine.serve_django()
    settings.TRON_NODES = [
        {"name": f"node{number}", "operator": f"operator-{number}", "url": url}
        for number, url in enumerate(devnet.urls, 1)
    ]
    for name, file in (("KEY", "treasury.json"), ("PASSWORD", "password")):
        setattr(settings, f"TREASURY_{name}_FILE", str(machine.signer / file))
    settings.SIGNER_JOURNAL_FILE = str(machine.signer / "journal")
    forget_process_state()
    devnet_clock.follow()
    assert sorted(map(list, Attempt.objects.values_list("txid", "state"))) == known, "nothing of them changed"
    world = World(devnet=devnet.control, service=User.objects.get(username="service"))
    world.run(2)
    assert world.paid() == IN_FLIGHT
    world.create(9 * USDT, to=RECIPIENTS[0])
    release_due()
    world.signer_lives()
    assert Attempt.objects.get(amount=9 * USDT).state == "signed"
    forget_process_state()
    machine.leave_django()

    manage(machine, "schema", "back", str(before), "--yes")
    by_the_older(older, machine, devnet, "end")
    assert world.paid() == {**IN_FLIGHT, (RECIPIENTS[0], 9 * USDT): 1}


def test_the_way_back_is_refused_while_a_process_of_ours_is_connected(
    older: Path, machines: Callable[[str], Machine], tmp_path: Path
) -> None:
    machine = machines("only")
    machine.make()
    before = tmp_path / "before.json"
    before.write_text(json.dumps({**json.loads(manage(machine, "schema", "show")), **marks(older)}))
    with (
        psycopg.connect(machine.postgres.url(APP_ROLE, migrated.DATABASE)),
        pytest.raises(AssertionError, match="stop all"),
    ):
        manage(machine, "schema", "back", str(before), "--yes")
    assert "undone" in manage(machine, "schema", "back", str(before), "--yes")
