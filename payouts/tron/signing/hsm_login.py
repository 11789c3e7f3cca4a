"""The way into an HSM's token by PKCS#11: found by name, opened by PIN, one call at a time.

Tokens are found by label or serial number, never by slot: slots change their order. A PIN that was refused is never
tried again by itself: a token locks after a few tries, and a restarted service makes many. As with the key file, an
error is raised only outside an `except`, so that nothing of what the library held hangs on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pkcs11
from pkcs11 import Session, Token, TokenFlag
from pkcs11.exceptions import (
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from payouts.tron.signing.errors import HsmError
from payouts.tron.signing.secret import Secret

Answer = TypeVar("Answer")

REFUSED_PIN: Final = (PinIncorrect, PinInvalid, PinLenRange)
LOCK: Final = threading.RLock()
"""Held around every call: two threads at once crash the process, and what a module holds is the process's own."""

# By module: the process that initialised it, and how often it did.
_initialised: dict[str, tuple[int, int]] = {}


@dataclass(frozen=True, slots=True)
class HsmPlace:
    """Where a key is: the module (a shared library), the token by label or serial number, the key by label.

    `refused` is the file that says that a PIN was refused: while it is there, no program tries one.
    """

    module: str
    token: str
    key: str
    refused: Path | None = None

    def __str__(self) -> str:
        return f"key {self.key} in token {self.token}"


def login(
    place: HsmPlace, pin: Secret, *, by_hand: bool = False, afresh: bool = False, writes: bool = False
) -> Session:
    """A session in which the token's keys can be used. Call it, and use what it answers, under `LOCK`.

    `by_hand`: a person asks, who may try after a PIN was refused. `afresh` starts the module anew, which ends every
    session that this process has with it. Raises HsmError.
    """
    token = _token(place, afresh=afresh)
    _may_try(place, token, by_hand=by_hand)
    session = attempt(lambda: token.open(rw=writes, user_pin=pin.reveal()))
    if isinstance(session, UserAlreadyLoggedIn):
        # Another key of this token is in use here: one login counts for the whole process.
        session = attempt(lambda: token.open(rw=writes))
    if isinstance(session, PKCS11Error):
        raise _not_opened(place, session)
    if by_hand and place.refused is not None:
        place.refused.unlink(missing_ok=True)
    return session


def times_started(place: HsmPlace) -> int:
    """How often the module was started anew. Handles from before may by now be those of other keys."""
    return _initialised.get(place.module, (0, 0))[1]


def attempt(call: Callable[[], Answer]) -> Answer | PKCS11Error:
    """The call's answer, or the module's error as a value."""
    try:
        return call()
    except PKCS11Error as error:
        return error


def _token(place: HsmPlace, *, afresh: bool) -> Token:
    tokens = attempt(lambda: list[Token](_library(place.module, afresh=afresh).get_tokens()))
    if isinstance(tokens, PKCS11Error):
        raise HsmError("NO_MODULE", f"The module {place.module} doesn't work: {told(tokens)}.")
    named = [one for one in tokens if _is(one, place)]
    if not named:
        raise HsmError("NO_TOKEN", f"No token here has the label or serial number {place.token}.")
    if len(named) > 1:
        raise HsmError(
            "TWO_TOKENS", f"{len(named)} tokens are called {place.token}: name it by serial number."
        )
    return named[0]


def _is(token: Token, place: HsmPlace) -> bool:
    return place.token in (token.label, token.serial.decode("ascii", "replace").strip())


def _library(module: str, *, afresh: bool) -> Any:
    """The module, initialised by this very process: what a fork took over belongs to its parent."""
    library = pkcs11.lib(module)
    pid, times = _initialised.get(module, (os.getpid(), 0))
    if afresh or pid != os.getpid():
        # One that lost its device may refuse to end; it starts anew all the same.
        attempt(library.finalize)
        library.initialize()
        times += 1
    _initialised[module] = os.getpid(), times
    return library


def _may_try(place: HsmPlace, token: Token, *, by_hand: bool) -> None:
    if not by_hand and place.refused is not None and place.refused.exists():
        raise HsmError(
            "PIN_REFUSED_BEFORE",
            f"The PIN of token {place.token} was refused before and isn't tried again: put the right one in its file, "
            "and run `manage.py treasury show` as the signer.",
        )
    if token.flags & TokenFlag.USER_PIN_LOCKED:
        raise HsmError("LOCKED", f"Token {place.token} is locked: its security officer unlocks it.")
    if token.flags & TokenFlag.USER_PIN_FINAL_TRY:
        raise HsmError(
            "FINAL_TRY", f"One more wrong PIN locks token {place.token}: log in once by its own tool."
        )


def _not_opened(place: HsmPlace, error: PKCS11Error) -> HsmError:
    if isinstance(error, PinLocked):
        return HsmError("LOCKED", f"Token {place.token} is locked: its security officer unlocks it.")
    if not isinstance(error, REFUSED_PIN):
        return HsmError("NOT_OPENED", f"Token {place.token} can't be opened: {told(error)}.")
    if place.refused is not None:
        place.refused.touch(0o600)
    return HsmError("WRONG_PIN", f"Token {place.token} refused the PIN. It isn't tried again: tokens lock.")


def told(error: PKCS11Error) -> str:
    """The error in a few words; the library's never hold a PIN."""
    return f"{type(error).__name__} {error}".strip()
