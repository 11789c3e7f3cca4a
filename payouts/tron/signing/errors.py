"""What stops signing. No message holds a key, a password or anything derived from them."""

from __future__ import annotations


class SigningError(Exception):
    """Signing can't go on. `code` is for machines, the text is a sentence for operators."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class KeyFileError(SigningError):
    """The key file can't be opened or made."""


class HsmError(SigningError):
    """The HSM's key can't be made, opened or used."""


class JournalError(SigningError):
    """The journal can't be trusted or written; nothing may be signed until a person has looked."""


class SignatureError(SigningError):
    """A signature came out that isn't the treasury's."""
