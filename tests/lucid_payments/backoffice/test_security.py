"""What every page tells a browser: load our own files alone, keep nothing, be in no frame."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from lucid_payments.backoffice.security import POLICY
from tests.payouts.admin import world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/payouts/payout/", "/nowhere"])
def test_headers_of_pages(client: Client, path: str) -> None:
    client.force_login(world.user("auditor"))

    answer = client.get(path)

    assert answer["Content-Security-Policy"] == POLICY
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "no-store" in answer["Cache-Control"]


def test_the_policy_trusts_our_own_files_and_nothing_else() -> None:
    directives = dict(part.split(" ", 1) for part in POLICY.split("; "))

    assert directives.pop("default-src") == "'none'"
    assert directives.pop("frame-ancestors") == "'none'"
    assert directives.pop("base-uri") == "'none'"
    assert set(directives.values()) == {"'self'"}
    assert {"script-src", "style-src", "img-src", "form-action", "connect-src", "font-src"} == set(directives)


def test_no_page_has_a_style_or_a_script_within(client: Client) -> None:
    users = world.everything()
    client.force_login(users["auditor"])

    for path in world.every_page():
        page = client.get(path).content.decode()
        assert not re.search(r"<style|<script(?! src=./static/)|\sstyle=|\son[a-z]+=\"", page), path


def test_a_role_that_may_not_read_a_page_is_told_so(client: Client) -> None:
    client.force_login(world.user("payout_approver"))

    answer = client.get("/admin/audit/auditentry/")

    assert answer.status_code == 403
    assert "Your role doesn't open this page." in answer.content.decode()
