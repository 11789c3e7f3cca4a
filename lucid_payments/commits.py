"""Transactions of the payouts' flow: Django's own, with the fault seam's points around the commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from lucid_payments import seam


@contextmanager
def atomic(step: str) -> Iterator[None]:
    """`transaction.atomic` for one of `seam.STEPS`; a context manager and a decorator.

    Inside another transaction it is that one's commit that counts, and its points come later.
    """
    with transaction.atomic():
        yield
        seam.point(f"{step}.before")
    seam.point(f"{step}.after")
