"""Who gives files, and who agrees to them."""

from __future__ import annotations

import pytest

from lucid_payments.accounts.models import User
from payouts.models import PayoutUpload
from payouts.uploads import receiving
from payouts.uploads.receiving import Terms
from tests.payouts.approvals.conftest import account


@pytest.fixture
def admin(db: None) -> User:
    return account("admin", "admin")


@pytest.fixture
def approver(db: None) -> User:
    return account("approver")


def give(content: bytes, uploader: User, terms: Terms | None = None) -> PayoutUpload:
    return receiving.receive(content, "march.csv", uploader=uploader, terms=terms)


def found(upload: PayoutUpload, weight: str = "wrong") -> list[tuple[int, str, str]]:
    """Line, cell and words of everything found of this weight."""
    return [
        (line, cell, f"{problem} {right}")
        for line, _, cell, kind, problem, right in upload.findings
        if kind == weight
    ]
