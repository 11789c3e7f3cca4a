"""`python -m lucid_payments.embedded.world`: make the demo's world, once, and tell how to enter it."""

from __future__ import annotations

import argparse
from pathlib import Path

import django


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill an empty demo and write its demo.json.")
    parser.add_argument("--demo-file", type=Path, required=True)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--admin-url", required=True)
    parser.add_argument("--devnet-url", required=True)
    parser.add_argument("--history-days", type=int, default=30)
    options = parser.parse_args()
    django.setup()

    from django.conf import settings

    from lucid_payments.embedded import demo_file
    from lucid_payments.embedded.world import history, lists, people
    from payouts import devnet_clock
    from payouts.chain import network
    from payouts.devnet.client import DevnetControl

    known = demo_file.read(options.demo_file)
    if known.get("world") == "unfinished":
        raise SystemExit("The demo's world was left unfinished: `make demo-reset` starts afresh.")
    is_new = "world" not in known
    users = people.create() if is_new else known["users"]
    demo_file.merge(
        options.demo_file,
        {
            "world": "unfinished" if is_new else "complete",
            "base_url": options.base_url,
            "admin_url": options.admin_url,
            "devnet_url": options.devnet_url,
            "treasury_address": settings.TREASURY_ADDRESS,
            "usdt_contract": network().usdt_contract,
            "users": users,
        },
    )
    if is_new:
        devnet = DevnetControl(options.devnet_url, timeout=120)
        history.live_through(devnet, options.history_days)
        devnet.snapshot()
        demo_file.merge(options.demo_file, {"world": "complete"})
    else:
        # As old as the last start; nobody would be paid.
        devnet_clock.follow()
        lists.keep()


if __name__ == "__main__":
    main()
