"""A key or a password on its way through our own frames."""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import NoReturn

from payouts.tron.signing.errors import KeyFileError


class Secret:
    """Text that no `repr`, and so no log and no traceback that prints locals, shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def from_file(cls, path: Path) -> Secret:
        """The file's content without its last line end. Raises `KeyFileError`."""
        try:
            return cls(path.read_text("utf-8").removesuffix("\n").removesuffix("\r"))
        except (OSError, UnicodeDecodeError):
            raise KeyFileError("NO_SECRET", f"The secret in {path} can't be read.") from None

    def reveal(self) -> str:
        """The text itself: to be passed on in the same expression, never bound to a name."""
        return self._text

    def same_as(self, other: Secret) -> bool:
        """Whether both hold the same text, compared in constant time."""
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __len__(self) -> int:
        return len(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret can't be pickled or copied.")
