"""What can be wrong with the vault. No text holds a key, a plaintext or a person's name."""

from __future__ import annotations


class VaultError(Exception):
    """Something sealed can't be read, or nothing can be sealed. Trying again doesn't help."""


class KeysUnavailable(VaultError):
    """The ring is missing, open to others, damaged, or lacks the key that is asked for."""


class Unreadable(VaultError):
    """Another key, another place, or a changed byte: which of them can't be told apart."""


class Destroyed(VaultError):
    """The subject's data key was destroyed: what it sealed is gone for good, and nothing new is sealed."""
