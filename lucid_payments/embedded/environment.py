"""The environment of the demo's processes: what each needs, and secrets only as names of 0600 files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lucid_payments.embedded.postgres import APP_ROLE, OWNER, EmbeddedPostgres
from lucid_payments.embedded.refusal import CannotStart
from lucid_payments.embedded.valkey import EmbeddedValkey
from lucid_payments.private_files import emptied_folder, private_folder, replace_file, secret_file

# Invented: `world.lists` holds what they say.
SCREENING_LISTS = json.dumps(
    [
        {"name": "demo-sanctions", "format": "ofac_sdn"},
        {"name": "demo-frozen", "format": "lines"},
    ]
)


@dataclass(frozen=True)
class Environments:
    """`public` for most; `owner` may change the schema; `signer` knows where the treasury's key is."""

    public: dict[str, str]
    owner: dict[str, str]
    signer: dict[str, str]


def environments(
    home: Path,
    given: Mapping[str, str],
    devnet_ports: list[int],
    postgres: EmbeddedPostgres | None,
    valkey: EmbeddedValkey | None,
) -> Environments:
    """Those of a demo in `home`; `postgres` and `valkey` are None where `given` names real servers."""
    secrets = home / "secrets"
    public = {
        "LUCID_ENV": "demo",
        "DJANGO_SETTINGS_MODULE": "lucid_payments.settings",
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY_FILE": str(secret_file(secrets / "django")),
        "JWT_KEYS_DIR": str(secrets / "jwt"),
        "WEBHOOK_KEY_FILE": str(secret_file(secrets / "webhooks")),
        "AUDIT_SEAL_KEY_FILE": str(secret_file(secrets / "audit-seal")),
        "KYC_KEYS_FILE": str(secrets / "kyc-keys.json"),
        "AUDIT_HEAD_KEY_FILE": str(secrets / "audit-head.pem"),
        # Emptied at each start: what processes of an earlier one counted is over.
        "PROMETHEUS_MULTIPROC_DIR": str(emptied_folder(home / "metrics")),
        "TRON_NETWORK": "devnet",
        "TRON_NODES": _nodes(devnet_ports),
        "TREASURY_ADDRESS": (secrets / "treasury-address").read_text().strip(),
        "SCREENING_LISTS": given.get("SCREENING_LISTS", SCREENING_LISTS),
        **_servers(secrets, postgres, valkey),
    }
    owner = {"DATABASE_OWNER_URL": postgres.url(OWNER)} if postgres else _of(given, "DATABASE_OWNER_URL")
    signer = {
        "TREASURY_KEY_FILE": str(secrets / "treasury.json"),
        "TREASURY_PASSWORD_FILE": str(secrets / "treasury-password"),
        "SIGNER_JOURNAL_FILE": str(private_folder(home / "journal") / "signer.journal"),
    }
    # What the person set stays, except beside our own X or X_FILE, and the owner's URL, which is for one.
    taken = {name.removesuffix("_FILE") for name in (*public, *signer)} | {"DATABASE_OWNER_URL"}
    kept = {name: value for name, value in given.items() if name.removesuffix("_FILE") not in taken}
    shared = {**kept, **public}
    return Environments(public=shared, owner={**shared, **owner}, signer={**shared, **signer})


def names_real_servers(given: Mapping[str, str], *names: str) -> bool:
    """Whether the person named servers of their own. Raises CannotStart for only some of `names`."""
    found = [name for name in names if _of(given, name)]
    if found and len(found) < len(names):
        missing = ", ".join(name for name in names if name not in found)
        raise CannotStart(f"{', '.join(found)} is set but not {missing}: set all of them, or none.")
    return bool(found)


def _of(given: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: given[key] for key in (name, f"{name}_FILE") if given.get(key)}


def _servers(
    secrets: Path, postgres: EmbeddedPostgres | None, valkey: EmbeddedValkey | None
) -> dict[str, str]:
    found = {"DATABASE_URL": postgres.url(APP_ROLE)} if postgres else {}
    if valkey:
        for name, url in (("BROKER_URL", valkey.broker_url), ("CACHE_URL", valkey.cache_url)):
            file = secrets / name.lower().replace("_", "-")
            replace_file(file, url + "\n")
            found[f"{name}_FILE"] = str(file)
    return found


def _nodes(ports: list[int]) -> str:
    return json.dumps(
        [
            {"name": f"node{number}", "operator": f"operator{number}", "url": f"http://127.0.0.1:{port}"}
            for number, port in enumerate(ports, start=1)
        ]
    )
