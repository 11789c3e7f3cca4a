"""A key given and taken away by the operator's command: what tor must be told, and who is cut off by it."""

from __future__ import annotations

import signal
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from lucid_payments.onion import socks
from lucid_payments.onion.socks import Reach
from tests.deploy.tor.installation import Installation, reaches

pytestmark = [pytest.mark.tor, pytest.mark.prove]


def onion(*arguments: str) -> str:
    out = StringIO()
    call_command("onion", *arguments, stdout=out)
    return out.getvalue()


def test_a_key_counts_from_the_reload_to_the_restart(
    installation: Installation, settings: Settings, db: None
) -> None:
    settings.ONION_FOLDER = str(installation.state)
    address = installation.admin.address()
    told = onion("client", "add", "bob")
    line = next(line for line in told.splitlines() if "auth_private" in line).rpartition(": ")[2]
    assert installation.tor is not None
    installation.tor.send(signal.SIGHUP)
    bob = installation.visitor("bob", line)
    reaches(bob, address)

    onion("client", "remove", "bob")
    installation.restart()
    is_told_that_the_key_is_wrong(installation, line)
    assert socks.reach(bob, address) is not Reach.REACHED, "nor does the one that was connected"

    # Nobody is left, and it is as closed as before.
    onion("client", "remove", "ann")
    (installation.admin.clients_folder / "dummy.auth").unlink()
    installation.restart()
    reaches(installation.at, address, Reach.KEY_MISSING)
    assert "fenced, the dummy keeps the fence; clients: nobody" in onion(
        "status", "--socket", str(installation.socks)
    )


def is_told_that_the_key_is_wrong(installation: Installation, line: str) -> None:
    """By a tor that knows nothing yet. One that came before the service had published itself anew holds on to its
    old descriptor, whose introduction points are gone: then the next one is asked.
    """
    address = installation.admin.address()
    for number in range(4):
        with suppress(AssertionError):
            reaches(installation.visitor(f"bob-{number}", line), address, Reach.KEY_WRONG, seconds=40)
            return
    raise AssertionError("nobody is told that the key is wrong")
