"""Where the treasury's key is used, and nowhere else: key file, HSM, signer, journal, caps, desk."""

from payouts.tron.signing.caps import SigningCaps
from payouts.tron.signing.desk import Refused, Signed, SigningDesk
from payouts.tron.signing.errors import HsmError, JournalError, KeyFileError, SignatureError, SigningError
from payouts.tron.signing.hsm import HsmSigner
from payouts.tron.signing.hsm_login import HsmPlace
from payouts.tron.signing.journal import Entry, Journal
from payouts.tron.signing.secret import Secret
from payouts.tron.signing.signer import KeyFileSigner, Signer

__all__ = [
    "Entry",
    "HsmError",
    "HsmPlace",
    "HsmSigner",
    "Journal",
    "JournalError",
    "KeyFileError",
    "KeyFileSigner",
    "Refused",
    "Secret",
    "SignatureError",
    "Signed",
    "Signer",
    "SigningCaps",
    "SigningDesk",
    "SigningError",
]
