"""A treasury key inside an HSM: made there, used there, and never out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, NoReturn

from coincurve import PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11.exceptions import PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from payouts.tron.signing.errors import HsmError, SignatureError
from payouts.tron.signing.hsm_login import LOCK, HsmPlace, attempt, login, times_started, told
from payouts.tron.signing.recovery import address_of, recover_address
from payouts.tron.signing.secret import Secret

CURVE: Final = encode_named_curve_parameters("secp256k1")
# The order of the curve's group: of s and N - s nodes take the lower.
N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
POINT_BYTES: Final = 65
MADE_INSIDE: Final = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}


class HsmSigner:
    """Signs inside the token. Holds a session, and the PIN for when that is lost; never a key.

    Logs in when it is made: once, at start, after any fork. Raises HsmError.
    """

    __slots__ = ("_address", "_key", "_lost", "_pid", "_pin", "_place", "_started")

    def __init__(self, place: HsmPlace, pin: Secret, *, by_hand: bool = False) -> None:
        self._place = place
        self._pin = pin
        self._pid = os.getpid()
        self._address = ""
        with LOCK:
            self._key, self._address = _take(place, login(place, pin, by_hand=by_hand))
            self._started, self._lost = times_started(place), False

    @classmethod
    def create(cls, place: HsmPlace, pin: Secret) -> HsmSigner:
        """Has the token make a new key. Raises HsmError; a key of that label is never replaced."""
        with LOCK, login(place, pin, by_hand=True, writes=True) as session:
            for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                if _objects(session, place, kind):
                    raise HsmError("EXISTS", f"There is a {place} already; it is never replaced.")
            made = attempt(lambda: _generate(session, place))
        if isinstance(made, PKCS11Error):
            raise HsmError("NOT_MADE", f"Token {place.token} made no key: {told(made)}.")
        # Read back before anybody funds the address.
        return cls(place, pin, by_hand=True)

    @property
    def address(self) -> str:
        return self._address

    def ready(self) -> None:
        """See `Signer.ready`: the token is asked for its key; a lost session is opened again, once."""
        self._ask(lambda key: key[Attribute.SIGN])

    def sign(self, digest32: bytes) -> bytes:
        """See `Signer.sign`. Each signature is another one: the token draws its own random numbers."""
        if len(digest32) != 32:
            raise SignatureError("BAD_DIGEST", "Only 32-byte digests are signed.")
        answer: bytes = self._ask(lambda key: key.sign(digest32, mechanism=Mechanism.ECDSA))
        signature = _completed(digest32, answer, self._address)
        if not signature:
            raise SignatureError("BAD_SIGNATURE", "The signature doesn't recover to the treasury's address.")
        return signature

    def _ask(self, what: Callable[[Any], Any]) -> Any:
        if os.getpid() != self._pid:
            raise HsmError(
                "FORKED", "The HSM was opened before this process was forked off: open it after the fork."
            )
        with LOCK:
            # Since the module was started anew, our key's handle may be another key's.
            stale = self._started != times_started(self._place)
            answer = None if stale else attempt(lambda: what(self._key))
            if stale or isinstance(answer, PKCS11Error):
                self._reopen(afresh=self._lost or not stale)
                answer = attempt(lambda: what(self._key))
        if isinstance(answer, PKCS11Error):
            raise HsmError("LOST", f"No answer for {self._place}: {told(answer)}.")
        return answer

    def _reopen(self, *, afresh: bool) -> None:
        self._lost = True
        key, address = _take(self._place, login(self._place, self._pin, afresh=afresh))
        if address != self._address:
            raise HsmError("OTHER_KEY", f"The {self._place} is now {address}, and was {self._address}.")
        self._key, self._started, self._lost = key, times_started(self._place), False

    def __repr__(self) -> str:
        return f"HsmSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A signer can't be pickled or copied: its session belongs to this process.")


def _generate(session: Session, place: HsmPlace) -> None:
    parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: CURVE}, local=True)
    parameters.generate_keypair(
        store=True,
        label=place.key,
        # Public and private half of a key are told by the same id.
        id=os.urandom(8),
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template=MADE_INSIDE,
    )


def _take(place: HsmPlace, session: Session) -> tuple[Any, str]:
    """The private key, to be used and not seen, and its address. Raises HsmError."""
    found = attempt(lambda: _read(session, place))
    if isinstance(found, PKCS11Error):
        raise HsmError("LOST", f"No answer for {place}: {told(found)}.")
    if not found:
        raise HsmError("NO_KEY", f"There has to be exactly one {place}, with its public half.")
    if not all(found):
        raise HsmError("UNFIT", f"The {place} isn't a secp256k1 key that can't be taken out of its token.")
    return found[0], found[-1]


def _read(session: Session, place: HsmPlace) -> tuple[Any, ...]:
    """The private key, what must be true of it, and its address; nothing unless there is exactly one."""
    private = _objects(session, place, ObjectClass.PRIVATE_KEY)
    public = _objects(session, place, ObjectClass.PUBLIC_KEY)
    if (len(private), len(public)) != (1, 1):
        return ()
    stays = private[0][Attribute.SENSITIVE] and not private[0][Attribute.EXTRACTABLE]
    return private[0], stays, public[0][Attribute.EC_PARAMS] == CURVE, _address(public[0][Attribute.EC_POINT])


def _objects(session: Session, place: HsmPlace, kind: ObjectClass) -> list[Any]:
    wanted = {Attribute.CLASS: kind, Attribute.KEY_TYPE: KeyType.EC, Attribute.LABEL: place.key}
    return list(session.get_objects(wanted))


def _address(point: bytes) -> str:
    """Of a point in a DER octet string, as PKCS#11 has it, or bare, as some tokens do; empty if it is none."""
    try:
        return address_of(PublicKey(point[-POINT_BYTES:]))
    except ValueError:
        return ""


def _completed(digest32: bytes, answer: bytes, address: str) -> bytes:
    """r‖s‖v of the token's r‖s: the lower s, and the v by which it recovers to the address; empty if none does."""
    s = int.from_bytes(answer[32:], "big")
    if len(answer) != 64 or not 0 < s < N:
        return b""
    low = answer[:32] + min(s, N - s).to_bytes(32, "big")
    return next((low + v for v in (b"\0", b"\1") if _recovers(digest32, low + v, address)), b"")


def _recovers(digest32: bytes, signature: bytes, address: str) -> bool:
    try:
        return recover_address(digest32, signature) == address
    except ValueError:
        return False
