"""Check a proof of the monthly distribution, anywhere: one file, Python 3.8 or newer, nothing else.

    python3 verify.py proof.json
    python3 verify.py proof.json --key 0123…cdef --root 4567…89ab

It follows the recipient's leaf (what was earned, what was paid by which transactions) up the tree of all
recipients to the root (RFC 9162, section 2.1.3.2), and checks the Ed25519 signature on that root (RFC 8032). Whether
the transactions paid is for the chain to say: look their ids up at any TRON explorer.

Exit codes: 0 all of it holds; 1 something doesn't, the sentence says what; 2 there was nothing to check.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Python 3.8 can't evaluate these, and needn't.
    Record = dict[str, Any]
    Point = tuple[int, int, int, int]

PROOF = "lucid-distribution-proof/v1"
LEAF = "lucid-distribution-leaf/v1"
ROOT = "lucid-distribution-root/v1"
LARGEST = 4 * 1024 * 1024

_HASH = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")


class Wrong(Exception):
    """The proof doesn't hold; the text says where."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; answers its exit code."""
    parser = argparse.ArgumentParser(description="Check a proof of the monthly distribution.")
    parser.add_argument("proof", help="the proof's file")
    parser.add_argument("--key", help="the published public key, 64 hex digits: the signature must be by it")
    parser.add_argument("--root", help="the published root, 64 hex digits: the proof must lead to it")
    asked = parser.parse_args(arguments)
    try:
        with open(asked.proof, "rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        return _say(2, f"The file can't be read: {error.strerror}.")
    for name in ("key", "root"):
        given = getattr(asked, name)
        if given is not None and not _HASH.fullmatch(given):
            return _say(2, f"--{name} takes 64 hex digits.")
    try:
        proof = read(content)
        check(proof, key=asked.key, root=asked.root)
    except Wrong as wrong:
        return _say(1, f"This proof does NOT hold. {wrong}")
    return _say(0, *_sentences(proof, asked.key, asked.root))


def read(content: bytes) -> Record:
    """The proof in these bytes. Raises Wrong for what isn't one."""
    if len(content) > LARGEST:
        raise Wrong("The file is larger than any proof.")
    try:
        proof: Record = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise Wrong(f"The file isn't JSON as a proof is: {error}.") from None
    _fields(proof, "The proof", {"type", "leaf", "index", "path", "root", "public_key"})
    return proof


def check(proof: Record, key: str | None = None, root: str | None = None) -> None:
    """Raise Wrong unless everything in the proof holds, and is by `key` and of `root` where they are given (hex)."""
    if proof["type"] != PROOF:
        raise Wrong(f"This program doesn't know proofs of type {proof['type']!r}.")
    check_leaf(proof["leaf"])
    if key is not None and proof["public_key"] != key:
        raise Wrong("It is signed by another key than the one given.")
    check_root(proof["root"], proof["public_key"])
    _check_path(proof)
    if root is not None and proof["root"]["root"] != root:
        raise Wrong(f"It leads to the root {proof['root']['root']}, and not to the one given.")
    if proof["leaf"]["period"] != proof["root"]["period"]:
        raise Wrong("The leaf's period isn't the root's.")


def check_leaf(leaf: Record) -> None:
    """Raise Wrong unless what the leaf says adds up: earned and brought forward is paid or carried forward."""
    _fields(
        leaf,
        "The leaf",
        {
            "type", "salt", "period", "recipient_type", "recipient", "address", "credits", "share",
            "brought_forward", "paid", "carried_forward", "reason", "payments",
        },
    )  # fmt: skip
    if leaf["type"] != LEAF:
        raise Wrong(f"This program doesn't know leaves of type {leaf['type']!r}.")
    for name in ("credits", "share", "brought_forward", "paid", "carried_forward"):
        _units(leaf[name], f"The leaf's {name}")
    if not isinstance(leaf["payments"], list):
        raise Wrong("The leaf's payments aren't a list.")
    seen, total = set(), 0
    for payment in leaf["payments"]:
        _fields(payment, "A payment", {"chunk", "payout", "address", "amount", "txid"})
        total += _units(payment["amount"], "A payment's amount")
        if not isinstance(payment["txid"], str) or not _HASH.fullmatch(payment["txid"]):
            raise Wrong("A payment's txid isn't 64 hex digits.")
        if not isinstance(payment["address"], str) or not _ADDRESS.fullmatch(payment["address"]):
            raise Wrong("A payment's address isn't one of TRON's.")
        if payment["txid"] in seen:
            raise Wrong(f"The transaction {payment['txid']} stands in it twice.")
        seen.add(payment["txid"])
    if total != leaf["paid"]:
        raise Wrong(f"The payments come to {usdt(total)} USDT, and not to {usdt(leaf['paid'])}.")
    if leaf["share"] + leaf["brought_forward"] != leaf["paid"] + leaf["carried_forward"]:
        raise Wrong("What was earned and brought forward isn't what was paid and carried forward.")


def check_root(root: Record, public: Any) -> None:
    """Raise Wrong unless the root is whole and signed by `public` (64 hex digits)."""
    _fields(
        root,
        "The root",
        {
            "type", "deployment", "network", "contract", "period", "run_hash", "size", "pool", "paid",
            "carried_forward", "root", "at", "key", "signature",
        },
    )  # fmt: skip
    if root["type"] != ROOT:
        raise Wrong(f"This program doesn't know roots of type {root['type']!r}.")
    for name in ("size", "pool", "paid", "carried_forward"):
        _units(root[name], f"The root's {name}")
    if not isinstance(root["root"], str) or not _HASH.fullmatch(root["root"]):
        raise Wrong("The root isn't 64 hex digits.")
    _check_signature(root, public)


def _check_path(proof: Record) -> None:
    index, path, size = proof["index"], proof["path"], proof["root"]["size"]
    if _units(index, "The leaf's place") >= size:
        raise Wrong("The leaf's place is outside the tree.")
    if not isinstance(path, list) or not all(
        isinstance(step, str) and _HASH.fullmatch(step) for step in path
    ):
        raise Wrong("The path isn't a list of 64 hex digits each.")
    reached = climb(leaf_hash(proof["leaf"]), index, size, [bytes.fromhex(step) for step in path])
    if reached is None:
        raise Wrong(f"The path has {len(path)} steps, which doesn't fit place {index} of {size}.")
    if reached.hex() != proof["root"]["root"]:
        raise Wrong(f"Leaf and path lead to {reached.hex()}, and not to the root.")


def leaf_hash(leaf: Record) -> bytes:
    """SHA-256 under the leaves' prefix, of the leaf as JSON with sorted keys and no blanks, in ASCII."""
    return hashlib.sha256(b"\x00" + canonical(leaf)).digest()


def climb(current: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that this leaf's hash leads to (RFC 9162, 2.1.3.2); None when the path's length can't be right."""
    place, last = index, size - 1
    for step in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            current = hashlib.sha256(b"\x01" + step + current).digest()
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            current = hashlib.sha256(b"\x01" + current + step).digest()
        place, last = place // 2, last // 2
    return current if last == 0 else None


def _check_signature(statement: Record, public: Any) -> None:
    if not isinstance(public, str) or not _HASH.fullmatch(public):
        raise Wrong("The public key isn't 64 hex digits.")
    if statement["key"] != hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]:
        raise Wrong("The root names another key than the one beside it.")
    try:
        signature = base64.b64decode(statement["signature"].encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise Wrong("The signature can't be read.") from None
    if base64.b64encode(signature).decode() != statement["signature"]:
        raise Wrong("The signature isn't written as signatures are.")
    signed = {name: value for name, value in statement.items() if name != "signature"}
    if not is_signed(bytes.fromhex(public), canonical(signed), signature):
        raise Wrong("The signature on the root is not by this key, or not of this root.")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, in ASCII: what is hashed and what is signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def usdt(units: int) -> str:
    """Base units as a decimal with two to six decimals: 5500000 is 5.50."""
    whole, parts = divmod(units, 1000000)
    decimals = f"{parts:06d}".rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals}"


# Ed25519, RFC 8032, section 5.1: a check alone, which has no secret to guard.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is of `message` by the key `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    point, scalar = _point(public), int.from_bytes(signature[32:], "little")
    if point is None or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % _ORDER
    minus = (_P - point[0], point[1], 1, _P - point[3])
    return _bytes(_add(_times(scalar, _BASE), _times(challenge, minus))) == signature[:32]


def _point(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = _x(y, sign) if y < _P else None
    return None if x is None else (x, y, 1, x * y % _P)


def _x(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else _P - x


def _add(first: Point, second: Point) -> Point:
    a = (first[1] - first[0]) * (second[1] - second[0]) % _P
    b = (first[1] + first[0]) * (second[1] + second[0]) % _P
    c = 2 * first[3] * second[3] * _D % _P
    d = 2 * first[2] * second[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total


def _bytes(point: Point) -> bytes:
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def _once(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no whole number")


def _fields(value: Any, name: str, expected: set[str]) -> None:
    if not isinstance(value, dict) or set(value) != expected:
        raise Wrong(f"{name} isn't made of what one is made of.")


def _units(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Wrong(f"{name} isn't a whole number.")
    return value


def _sentences(proof: Record, key: str | None, root: str | None) -> Iterator[str]:
    leaf, statement = proof["leaf"], proof["root"]
    yield "This proof holds."
    yield (
        f"{str(leaf['recipient_type']).capitalize()} {leaf['recipient']}, with {leaf['credits']} credits in"
        f" {leaf['period']}: {usdt(leaf['share'])} USDT, and {usdt(leaf['brought_forward'])} USDT brought forward."
    )
    why = f" ({leaf['reason']})" if leaf["reason"] else ""
    yield f"Paid: {usdt(leaf['paid'])} USDT. Carried forward: {usdt(leaf['carried_forward'])} USDT{why}."
    for payment in leaf["payments"]:
        yield f"  {usdt(payment['amount'])} USDT to {payment['address']} by transaction {payment['txid']}"
    yield (
        f"It is leaf {proof['index'] + 1} of {statement['size']} under the root {statement['root']}"
        f" of {statement['deployment']} on {statement['network']}."
    )
    yield f"The root was signed at {statement['at']} with the key {proof['public_key']}."
    if key is None:
        yield "Whose key that is, the file can't show: compare it with the published one, or give that as --key."
    if root is None:
        yield "That everybody got the same root shows by comparing it with the published one, or with --root."
    if leaf["payments"]:
        yield "What each transaction paid stands on the chain: look its id up at any TRON explorer."


def _say(code: int, *sentences: str) -> int:
    target = sys.stdout if code == 0 else sys.stderr
    target.write("".join(f"{sentence}\n" for sentence in sentences))
    return code


if __name__ == "__main__":
    sys.exit(main())
