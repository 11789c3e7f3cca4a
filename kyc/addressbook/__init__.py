"""The address book: `known`, `names` and `look_alikes` answer; `changing` is where it changes."""

from kyc.addressbook.reading import known, look_alikes, names

__all__ = ["known", "look_alikes", "names"]
