"""The authority's own commands, on a machine without network, database or settings: `manage.py attestation key|sign`.

`manage.py` calls `main` before it loads any setting. They read and write the files that are named, and nothing else.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

from kyc.attestation import keys, signing
from kyc.attestation.claims import Claims
from kyc.attestation.keys import AuthorityKey, AuthorityKeyError
from kyc.attestation.signing import BadFile

ACTIONS: Final = ("key", "sign")


class Refused(Exception):
    """Nothing was written; the text says why."""


def add_arguments(actions: Any) -> None:
    """The offline actions, for our own parser and for the management command's help."""
    making = actions.add_parser("key", help="offline: make an authority's key")
    making.add_argument(
        "--authority", required=True, help="the authority's name, as it stands in attestations"
    )
    making.add_argument("--file", type=Path, required=True, help="the encrypted private key, written new")
    making.add_argument("--public", type=Path, required=True, help="the public key, to be handed out")
    making.add_argument("--password-file", type=Path, help="holds the password; without it the prompt asks")
    sign = actions.add_parser("sign", help="offline: look at a request and sign it")
    sign.add_argument("request", type=Path, help="the request file")
    sign.add_argument("--key", type=Path, required=True, help="the encrypted private key")
    sign.add_argument("--out", type=Path, required=True, help="the signed file, written new")
    sign.add_argument("--password-file", type=Path, help="holds the password; without it the prompt asks")
    sign.add_argument("--yes", action="store_true", help="sign all without asking for each")


def main(arguments: Sequence[str], out: TextIO | None = None) -> int:
    """The exit code: 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="manage.py attestation")
    add_arguments(parser.add_subparsers(dest="action", required=True))
    options = parser.parse_args(arguments)
    try:
        run(options, out or sys.stdout)
    except (Refused, AuthorityKeyError, BadFile, OSError) as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    return 0


def run(options: argparse.Namespace, out: TextIO) -> None:
    """Raises Refused, AuthorityKeyError, BadFile, OSError."""
    _make(options, out) if options.action == "key" else _sign(options, out)


def _make(options: argparse.Namespace, out: TextIO) -> None:
    password = _password(options.password_file, twice=True)
    if options.public.exists():
        raise Refused(f"{options.public} exists already and is never overwritten.")
    x = keys.create(options.file, options.authority, password)
    _write_new(options.public, keys.public_file(options.authority, x))
    out.write(
        f"Private key, encrypted: {options.file}. It never leaves this machine; keep a copy in a safe.\n"
    )
    out.write(f"Public key, to hand out: {options.public}\n")
    out.write(f"Its fingerprint, to be read out to two people of the deployment:\n{keys.thumbprint(x)}\n")


def _sign(options: argparse.Namespace, out: TextIO) -> None:
    request = signing.read_request(options.request.read_text("utf-8"))
    if options.out.exists():
        raise Refused(f"{options.out} exists already and is never overwritten.")
    key = keys.open_file(options.key, _password(options.password_file))
    out.write(f"{key.authority} is asked by {request.deployment}, {request.made_at}, ")
    out.write(f"to attest {len(request.wanted)} node(s).\n")
    documents = [
        _signed(claims, key, out, ask=not options.yes, number=number, count=len(request.wanted))
        for number, claims in enumerate(request.wanted, 1)
    ]
    done = [document for document in documents if document]
    if not done:
        raise Refused("Nothing was signed, and nothing was written.")
    _write_new(options.out, signing.write_answer(request.deployment, done))
    out.write(f"{len(done)} of {len(documents)} signed: {options.out}\n")


def _signed(claims: Claims, key: AuthorityKey, out: TextIO, *, ask: bool, number: int, count: int) -> str:
    """The document, or nothing where the authority said no."""
    out.write(f"\n{number} of {count}\n")
    for label, value in signing.in_words(claims):
        out.write(f"  {label}: {value}\n")
    if ask and input("Sign this one? Type yes: ").strip().lower() != "yes":
        out.write("  Not signed.\n")
        return ""
    return signing.sign(claims, key, datetime.now(UTC))


def _password(file: Path | None, *, twice: bool = False) -> str:
    """From a file or the prompt, never from an argument: arguments stand in the process list."""
    if file is not None:
        return file.read_text("utf-8").removesuffix("\n")
    password = getpass.getpass("Password of the authority's key: ")
    if twice and getpass.getpass("Once more: ") != password:
        raise Refused("The two passwords differ; nothing was written.")
    return password


def _write_new(path: Path, content: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(content)
