"""Run inside an older version's tree, by its own code: puts payouts in flight, or brings them to their end.

Standard input names the devnet's nodes, the signer's folder and what to do; `DATABASE_URL` the database.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import django

django.setup()

from django.conf import settings  # noqa: E402

from lucid_payments.accounts.models import User  # noqa: E402
from payouts import devnet_clock  # noqa: E402
from payouts.devnet.client import DevnetControl  # noqa: E402
from payouts.models import Attempt  # noqa: E402
from payouts.release import release_due  # noqa: E402
from tests.payouts.flow.conftest import running_world  # noqa: E402
from tests.payouts.flow.world import RECIPIENTS, USDT, World, forget_process_state  # noqa: E402


def begin(urls: list[str], folder: Path) -> None:
    """One seen in a block, one sent, one signed and not sent, one that nobody has looked at."""
    devnet = SimpleNamespace(control=DevnetControl(urls[0]), urls=tuple(urls))
    with running_world(devnet, settings, folder) as world:  # type: ignore[arg-type]
        for number, to in enumerate(RECIPIENTS[:2], 5):
            world.create(number * USDT, to=to)
            world.tick()
            if number == 5:
                world.step(1)
        world.create(7 * USDT, to=RECIPIENTS[2])
        release_due()
        world.signer_lives()
        world.create(8 * USDT, to=RECIPIENTS[3])


def end(urls: list[str], folder: Path) -> None:
    settings.TRON_NODES = [
        {"name": f"node{number}", "operator": f"operator-{number}", "url": url}
        for number, url in enumerate(urls, 1)
    ]
    settings.TREASURY_KEY_FILE = str(folder / "treasury.json")
    settings.TREASURY_PASSWORD_FILE = str(folder / "password")
    settings.SIGNER_JOURNAL_FILE = str(folder / "journal")
    devnet_clock.follow()
    world = World(devnet=DevnetControl(urls[0]), service=User.objects.get(username="service"))
    world.settle()
    world.check()
    forget_process_state()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    {"begin": begin, "end": end}[given["act"]](given["urls"], Path(given["folder"]))
    sys.stdout.write(json.dumps(sorted(Attempt.objects.values_list("txid", "state"))))
