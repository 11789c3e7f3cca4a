"""What happens to a request's body outside Django."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from lucid_payments.api import bodies


def refuse_unread(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return [b"too large"]


def test_what_a_refusal_leaves_unread_is_read_to_its_end() -> None:
    body = BytesIO(b"x" * 300_000)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "300000"}
    assert bodies.read_to_the_end(refuse_unread)(environ, None) == [b"too large"]
    assert body.tell() == 300_000


def test_only_so_much_is_read_of_a_body_without_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(bodies, "DRAIN_LIMIT", 100_000)
    body = BytesIO(b"x" * 300_000)
    bodies.read_to_the_end(refuse_unread)({"wsgi.input": body, "CONTENT_LENGTH": "300000"}, None)
    assert body.tell() == 100_000


def test_what_was_read_is_not_waited_for_again() -> None:
    def read_all(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return [environ["wsgi.input"].readline(), environ["wsgi.input"].read()]

    body = BytesIO(b"one\ntwo")
    answer = bodies.read_to_the_end(read_all)({"wsgi.input": body, "CONTENT_LENGTH": "7"}, None)
    assert list(answer) == [b"one\n", b"two"]
