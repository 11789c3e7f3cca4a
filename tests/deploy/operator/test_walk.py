"""docs/deploy.md from its first command to its last, on a root that is thrown away."""

from __future__ import annotations

import os
import sys

import pytest

from tests.deploy.operator import page, root

MOST_COMMANDS = 25


def test_the_page_keeps_to_25_commands() -> None:
    commands = [command for block in page.blocks() for command in block.commands]

    assert 10 <= len(commands) <= MOST_COMMANDS, commands


@pytest.mark.prove
@pytest.mark.tor
@pytest.mark.haproxy
@pytest.mark.systemd
def test_the_page_leads_to_a_confirmed_payout_asked_for_through_the_onion() -> None:
    """Needs root, and a kernel with overlays: what it changes, it changes in a copy in memory."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}

    assert root.run(sys.executable, "-m", "tests.deploy.operator.walk", environment=kept) == 0
