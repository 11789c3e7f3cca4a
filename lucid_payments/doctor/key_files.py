"""Keys and secrets as files: there, whole, and open to nobody else. No key is opened that its process doesn't open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from kyc import keyring as vault_keys
from lucid_payments.accounts import keyring
from lucid_payments.audit import head_keys
from lucid_payments.audit.heads import MINIMUM_KEY_BYTES
from lucid_payments.doctor.examination import Finding, check, look, right, wrong
from payouts.tron import addresses

SUBJECT = "Keys"
PATHS: Final = (
    "AUDIT_SEAL_KEY_FILE",
    "KYC_KEYS_FILE",
    "SIGNER_JOURNAL_FILE",
    "TREASURY_KEY_FILE",
    "TREASURY_OTHER_KEY_FILE",
    "TREASURY_OTHER_PASSWORD_FILE",
    "TREASURY_PASSWORD_FILE",
    "TREASURY_PIN_FILE",
)
YEAR_SECONDS: Final = 365 * 86_400


@check(SUBJECT)
def private_files() -> Iterator[Finding]:
    """Those of the settings and every X_FILE of the environment, as far as this user may enter their folders."""
    files = {name: Path(value) for name in PATHS if (value := getattr(settings, name))}
    files |= {
        name: Path(value)
        for name, value in os.environ.items()
        if name.endswith("_FILE") and hasattr(settings, name.removesuffix("_FILE")) and value
    }
    seen = 0
    for name, file in sorted(files.items()):
        if not _may_enter(file.parent):
            continue
        if not file.exists():
            # The journal is made by the first signature.
            if name != "SIGNER_JOURNAL_FILE":
                yield wrong(
                    f"{name}: {file} isn't there.",
                    "docs/keys.md says what makes it.",
                )
            continue
        seen += 1
        yield from _privacy(name, file)
    if seen:
        yield right(f"{seen} files with secrets were looked at.")


def _privacy(name: str, file: Path) -> Iterator[Finding]:
    told, folder = file.stat(), file.parent.stat()
    if told.st_mode & 0o077:
        yield wrong(
            f"{name}: {file} is open to others than its owner (mode {told.st_mode & 0o777:04o}).",
            f"chmod 0400 {file}, and think about who may have read it.",
        )
    if told.st_uid not in (0, os.geteuid(), folder.st_uid):
        yield look(
            f"{name}: {file} belongs to user {told.st_uid}, its folder to {folder.st_uid}.",
            "See who that is.",
        )


@check(SUBJECT)
def token_keys() -> Iterator[Finding]:
    folder = Path(settings.JWT_KEYS_DIR)
    if not _may_enter(folder.parent) or (folder.exists() and not _may_enter(folder)):
        return
    try:
        ring = keyring.load(folder)
    except keyring.KeyRingError as error:
        yield wrong(
            f"JWT_KEYS_DIR: {error}", "`manage.py tokenkeys create` makes the ring of a new installation."
        )
        return
    age = int(time.time()) - ring.signing.since
    if age > YEAR_SECONDS:
        yield look(
            f"One key has signed tokens for {age // 86_400} days.",
            "`manage.py tokenkeys add`, and 15 minutes later `rotate`.",
        )
    else:
        yield right(f"The key of the tokens signs since {age // 86_400} days; {len(ring.keys)} verify.")


@check(SUBJECT)
def vault_ring() -> Iterator[Finding]:
    if not settings.KYC_KEYS_FILE:
        return
    file = Path(settings.KYC_KEYS_FILE)
    if not os.access(file, os.R_OK):
        return
    try:
        ring = vault_keys.load(file)
    except vault_keys.KeyRingError as error:
        yield wrong(
            str(error), "Put the ring back from its copy: another one opens nothing of what is stored."
        )
        return
    # Under systemd each process has its own copy, in a folder of its own.
    copies = [copy for copy in file.parents[1].glob(f"*/{file.name}") if os.access(copy, os.R_OK)]
    differing = [copy for copy in copies if _ids(copy) != {kek.kek_id for kek in ring.keys}]
    if differing:
        yield wrong(
            f"{differing[0]} has other keys than {file}: one process can't open what the other stores.",
            "Copy the newer one over the older, keeping its owner and mode, and restart both.",
        )
    else:
        yield right(f"The ring of personal data has {len(ring.keys)} keys.")


def _ids(file: Path) -> set[str]:
    try:
        return {kek.kek_id for kek in vault_keys.load(file).keys}
    except vault_keys.KeyRingError:
        return set()


@check(SUBJECT)
def audit_keys() -> Iterator[Finding]:
    seal = Path(settings.AUDIT_SEAL_KEY_FILE) if settings.AUDIT_SEAL_KEY_FILE else None
    if seal is not None and os.access(seal, os.R_OK) and len(seal.read_bytes().strip()) < MINIMUM_KEY_BYTES:
        yield wrong(
            f"{seal} holds fewer than {MINIMUM_KEY_BYTES} bytes.",
            "Make it anew from /dev/urandom.",
        )
    head = Path(settings.AUDIT_HEAD_KEY_FILE) if settings.AUDIT_HEAD_KEY_FILE else None
    if head is None or not os.access(head, os.R_OK):
        return
    try:
        name = head_keys.name_of(head_keys.read_private(head).public_key())
        known = head_keys.read_public(head_keys.public_file(head))
    except head_keys.HeadKeyError as error:
        yield wrong(str(error), "`manage.py audit key` makes it; a lost one is made anew with --rotate.")
        return
    if name not in known:
        yield wrong(
            f"{head} isn't among the public keys beside it: what it signs nobody could verify.",
            "Put both files back from the same copy.",
        )
    else:
        yield right(f"The audit log's head is signed as {name}.")


@check(SUBJECT)
def treasury_key() -> Iterator[Finding]:
    """By the address that the file names: the password stays where it is."""
    file = Path(settings.TREASURY_KEY_FILE) if settings.TREASURY_KEY_FILE else None
    if file is None or not os.access(file, os.R_OK):
        return
    try:
        named = str(json.loads(file.read_text())["address"]).lower()
        wanted = addresses.to_evm(addresses.decode(settings.TREASURY_ADDRESS)).hex()
    except (ValueError, KeyError, TypeError):
        yield wrong(
            f"{file} and TREASURY_ADDRESS can't be compared.", "`manage.py treasury show` prints the address."
        )
        return
    if named != wanted:
        yield wrong(
            f"The key in {file} isn't that of TREASURY_ADDRESS: nothing would be signed.",
            "Set TREASURY_ADDRESS to what `manage.py treasury show` prints.",
        )
    else:
        yield right("The treasury's key file is that of TREASURY_ADDRESS.")


@check(SUBJECT)
def hsm() -> Iterator[Finding]:
    """What can be seen without its PIN: giving that is the signer's own."""
    if not settings.TREASURY_PKCS11_MODULE:
        return
    if not Path(settings.TREASURY_PKCS11_MODULE).is_file():
        yield wrong(
            f"TREASURY_PKCS11_MODULE: {settings.TREASURY_PKCS11_MODULE} isn't there.",
            "Install what its maker ships for PKCS#11, and name the shared library.",
        )
    refused = Path(f"{settings.SIGNER_JOURNAL_FILE}.pin-refused")
    if settings.SIGNER_JOURNAL_FILE and _may_enter(refused.parent) and refused.exists():
        yield wrong(
            "The HSM refused its PIN, and the signer won't try one again: tokens lock.",
            "Put the right PIN into TREASURY_PIN_FILE, then `manage.py treasury show` as the signer.",
        )


def _may_enter(folder: Path) -> bool:
    return os.access(folder, os.X_OK)
