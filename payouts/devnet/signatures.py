"""Who signed, and whether that suffices: key recovery, permission, operations bitmap, weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from coincurve import PublicKey

from payouts.devnet import accounts
from payouts.devnet.accounts import Permission
from payouts.devnet.producers import address_of
from payouts.devnet.state import Reader
from payouts.devnet.transactions import SignedTransaction

# java-tron 4.8.2 takes 65 to 68 bytes and looks at the first 65.
MIN_LENGTH: Final = 65
MAX_LENGTH: Final = 68


class SignatureError(Exception):
    """java-tron's ValidateSignatureException (broadcast answers SIGERROR). `code` is getsignweight's name of
    it.
    """

    def __init__(self, message: str, code: str = "PERMISSION_ERROR") -> None:
        super().__init__(message)
        self.code = code


@lru_cache(maxsize=8192)
def recover(txid: str, signature: bytes) -> str:
    """The signer's address in hexadecimal. Raises `SignatureError`."""
    if not MIN_LENGTH <= len(signature) <= MAX_LENGTH:
        raise SignatureError(f"Signature size is {len(signature)}", "SIGNATURE_FORMAT_ERROR")
    recovery = signature[64]
    if recovery >= 27:
        recovery -= 27
    if recovery > 3:
        raise SignatureError("Header byte out of range: " + str(signature[64]), "COMPUTE_ADDRESS_ERROR")
    try:
        key = PublicKey.from_signature_and_message(
            signature[:64] + bytes([recovery]), bytes.fromhex(txid), hasher=None
        )
    except Exception as error:  # coincurve raises bare Exception when no key can be recovered
        raise SignatureError("compute address failed", "COMPUTE_ADDRESS_ERROR") from error
    return address_of(key.format(compressed=False)).hex()


def required_permission(state: Reader, transaction: SignedTransaction) -> Permission:
    """The permission the transaction names. Raises `SignatureError` when it doesn't exist or doesn't allow
    this.
    """
    raw = transaction.raw
    permission = accounts.permission(state, transaction.owner, raw.permission_id)
    if permission is None:
        raise SignatureError("permission isn't exit")
    if raw.permission_id and not _allows(permission["operations"], raw.contract.TYPE):
        raise SignatureError("Permission denied")
    return permission


def check(state: Reader, transaction: SignedTransaction) -> None:
    """Raises `SignatureError` unless distinct keys of the permission with enough weight have signed."""
    if not transaction.signatures:
        raise SignatureError("miss sig or contract")
    permission = required_permission(state, transaction)
    if weight(permission, transaction.txid, transaction.signatures) < permission["threshold"]:
        raise SignatureError("sig error")


def weight(permission: Permission, txid: str, signatures: Sequence[bytes]) -> int:
    """The sum of the signers' weights. Raises `SignatureError` for a stranger's or a second signature."""
    if len(signatures) > len(permission["keys"]):
        raise SignatureError(
            f"Signature count is {len(signatures)} more than key counts of permission : "
            f"{len(permission['keys'])}"
        )
    weights = {key["address"]: key["weight"] for key in permission["keys"]}
    signed: set[str] = set()
    for signature in signatures:
        signer = recover(txid, signature)
        if signer not in weights:
            raise SignatureError(
                f"{signature.hex()} is signed by {signer} but it is not contained of permission."
            )
        if signer in signed:
            raise SignatureError(f"{signer} has signed twice!")
        signed.add(signer)
    return sum(weights[signer] for signer in signed)


def _allows(operations: str, contract_type: int) -> bool:
    return bool(bytes.fromhex(operations)[contract_type // 8] >> contract_type % 8 & 1)
