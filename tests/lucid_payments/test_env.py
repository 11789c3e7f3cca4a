"""Environment readers: what is right is read, what is wrong is named, and no secret is repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from lucid_payments import env

READERS: list[Callable[..., Any]] = [
    env.text,
    env.secret,
    env.boolean,
    env.integer,
    env.usdt,
    lambda name: env.choice(name, ("red", "blue")),
    env.comma_list,
    env.url,
    env.database,
    env.json_list,
    env.json_object,
    env.path,
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUCID_X", raising=False)
    monkeypatch.delenv("LUCID_X_FILE", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(env, "_in_the_open", set())


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_required_variable_is_named(reader: Callable[..., Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="LUCID_X is missing"):
        reader("LUCID_X")


@pytest.mark.parametrize("reader", READERS)
def test_an_empty_required_variable_is_refused(
    reader: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCID_X", "")
    with pytest.raises(ImproperlyConfigured, match="LUCID_X"):
        reader("LUCID_X")


def test_an_empty_value_stands_for_an_empty_default_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCID_X", " ")
    assert env.text("LUCID_X", None) is None
    assert env.comma_list("LUCID_X", ()) == []
    assert env.boolean("LUCID_X", False) is False
    with pytest.raises(ImproperlyConfigured, match="LUCID_X"):
        env.integer("LUCID_X", 10)
    with pytest.raises(ImproperlyConfigured, match="LUCID_X"):
        env.secret("LUCID_X", None)


def test_a_default_is_given_when_the_variable_is_absent() -> None:
    assert env.text("LUCID_X", "shasta") == "shasta"
    assert env.integer("LUCID_X", 7) == 7
    assert env.comma_list("LUCID_X", ["a"]) == ["a"]
    assert env.path("LUCID_X", None) is None


@pytest.mark.parametrize(
    ("reader", "raw", "expected"),
    [
        (env.text, " Lucid ", "Lucid"),
        (env.boolean, "Yes", True),
        (env.boolean, "0", False),
        (env.integer, "-12", -12),
        (env.usdt, "1000.5", 1_000_500_000),
        (env.usdt, "0.000001", 1),
        (env.comma_list, "a, b,c", ["a", "b", "c"]),
        (env.url, "http://node:8090", "http://node:8090"),
        (env.json_list, '[{"name": "node1"}]', [{"name": "node1"}]),
        (env.json_object, '{"a": 1}', {"a": 1}),
        (env.path, "/var/lib/my folder", Path("/var/lib/my folder")),
    ],
)
def test_a_good_value_is_read(
    reader: Callable[..., Any], raw: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCID_X", raw)
    assert reader("LUCID_X") == expected


@pytest.mark.parametrize(
    ("reader", "raw", "advice"),
    [
        (env.text, "a\nb", "one line"),
        (env.boolean, "maybe", "true or false"),
        (env.integer, "1e3", "whole number"),
        (env.integer, "１２", "whole number"),
        (env.integer, "9" * 19, "whole number"),
        (env.usdt, "0", "above 0"),
        (env.usdt, "-5", "above 0"),
        (env.usdt, "1,000", "like 1000"),
        (env.usdt, "0.0000001", "at most 6 decimals"),
        (env.usdt, "NaN", "like 1000"),
        (env.comma_list, "a,,b", "single commas"),
        (env.url, "ftp://x", "starts with http:// or https://"),
        (env.url, "http://host:notaport", "starts with"),
        (env.url, "node1", "starts with"),
        (env.database, "mysql://u@h/d", "postgresql://"),
        (env.database, "postgresql://host/", "a user and a database"),
        (env.json_list, "{", "line 1"),
        (env.json_list, "{}", "a JSON list"),
        (env.json_object, '{"a": 1, "a": 2}', "given twice"),
        (env.path, "a\0b", "NUL"),
    ],
)
def test_a_bad_value_is_refused_with_advice(
    reader: Callable[..., Any], raw: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A NUL byte can't be put into a real environment; other launchers may still hand one over.
    monkeypatch.setattr("os.environ", {"LUCID_X": raw})
    with pytest.raises(ImproperlyConfigured) as refusal:
        reader("LUCID_X")
    assert "LUCID_X" in str(refusal.value)
    assert advice in str(refusal.value)


def test_a_number_outside_its_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCID_X", "11")
    assert env.integer("LUCID_X", minimum=11, maximum=11) == 11
    with pytest.raises(ImproperlyConfigured, match="from 1 to 10"):
        env.integer("LUCID_X", minimum=1, maximum=10)
    with pytest.raises(ImproperlyConfigured, match="at least 12"):
        env.integer("LUCID_X", minimum=12)
    with pytest.raises(ImproperlyConfigured, match="at most 10"):
        env.integer("LUCID_X", maximum=10)


def test_a_choice_outside_the_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUCID_X", "Red")
    with pytest.raises(ImproperlyConfigured, match="one of red, blue"):
        env.choice("LUCID_X", ("red", "blue"))


def test_a_path_that_must_exist_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LUCID_X", str(tmp_path / "absent"))
    assert env.path("LUCID_X") == tmp_path / "absent"
    with pytest.raises(ImproperlyConfigured, match="path that exists"):
        env.path("LUCID_X", must_exist=True)


class TestSecretsFromFiles:
    @pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
    def test_one_trailing_newline_is_cut(
        self, ending: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "secret"
        file.write_bytes(f" pass phrase {ending}".encode())
        monkeypatch.setenv("LUCID_X_FILE", str(file))
        assert env.secret("LUCID_X") == " pass phrase "

    def test_value_and_file_together_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "secret"
        file.write_text("one")
        monkeypatch.setenv("LUCID_X", "two")
        monkeypatch.setenv("LUCID_X_FILE", str(file))
        with pytest.raises(ImproperlyConfigured, match="LUCID_X and LUCID_X_FILE are both set"):
            env.secret("LUCID_X")

    def test_an_empty_file_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("\n")
        monkeypatch.setenv("LUCID_X_FILE", str(file))
        with pytest.raises(ImproperlyConfigured, match="LUCID_X is empty"):
            env.secret("LUCID_X")

    def test_an_unreadable_file_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("LUCID_X_FILE", str(tmp_path / "absent"))
        with pytest.raises(ImproperlyConfigured, match=r"LUCID_X_FILE: .*absent can't be read: No such file"):
            env.secret("LUCID_X")

    @pytest.mark.parametrize(
        ("content", "why"), [(b"\xff\xfe", "isn't UTF-8"), (b"x" * 70_000, "larger than")]
    )
    def test_a_file_that_holds_no_secret_is_refused(
        self, content: bytes, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "secret"
        file.write_bytes(content)
        monkeypatch.setenv("LUCID_X_FILE", str(file))
        with pytest.raises(ImproperlyConfigured, match=why):
            env.secret("LUCID_X")

    @pytest.mark.parametrize("reader", [env.url, env.database, env.json_list, env.text])
    def test_a_refusal_never_repeats_what_may_be_a_secret(
        self, reader: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUCID_X", "hunter2://user:hunter2@hunter2\nhunter2")
        with pytest.raises(ImproperlyConfigured) as refusal:
            reader("LUCID_X")
        assert "hunter2" not in str(refusal.value)


class TestDatabaseUrl:
    def test_every_part_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(
            "LUCID_X", "postgresql://lucid_app:p%40ss@db.internal:6432/lucid?sslmode=verify-full"
        )
        assert env.database("LUCID_X") == {
            "ENGINE": "lucid_payments.database",
            "NAME": "lucid",
            "USER": "lucid_app",
            "PASSWORD": "p@ss",
            "HOST": "db.internal",
            "PORT": "6432",
            "OPTIONS": {"sslmode": "verify-full"},
        }

    def test_a_socket_folder_with_capitals_and_blanks_takes_the_hosts_place(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LUCID_X", "postgresql://lucid_app@%2FHome%2Fmy%20folder%2Fpg/lucid")
        assert env.database("LUCID_X")["HOST"] == "/Home/my folder/pg"

    def test_an_address_in_brackets_loses_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LUCID_X", "postgresql://u:p@[::1]:5432/d")
        found = env.database("LUCID_X")
        assert (found["HOST"], found["PORT"]) == ("::1", "5432")

    def test_a_file_may_hold_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "url"
        file.write_text("postgresql://u:p@h/d\n")
        monkeypatch.setenv("LUCID_X_FILE", str(file))
        assert env.database("LUCID_X")["PASSWORD"] == "p"


# Where a secret comes from.


def test_a_systemd_credential_counts_where_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "lucid-x").write_text("of the credential\n")
    assert env.secret("LUCID_X") == "of the credential"
    assert env.secret_file("LUCID_X_FILE") == str(tmp_path / "lucid-x")
    (tmp_path / "another").write_text("of a file")
    monkeypatch.setenv("LUCID_X_FILE", str(tmp_path / "another"))
    assert env.secret("LUCID_X") == "of a file"
    assert env.secret_file("LUCID_X_FILE") == str(tmp_path / "another")
    assert env.in_the_open() == frozenset()


def test_a_url_with_a_password_may_be_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "lucid-x").write_text("postgresql://app:pw@db/lucid\n")
    assert env.database("LUCID_X")["PASSWORD"] == "pw"
    assert env.in_the_open() == frozenset()


@pytest.mark.parametrize(
    ("read", "value", "noted"),
    [
        (env.secret, "a secret", True),
        (env.changing_secret, "a secret", True),
        (env.url, "https://user:pw@example.org", True),
        (env.url, "https://example.org", False),
        (env.database, "postgresql://app:pw@db/lucid", True),
        (env.database, "postgresql://app@db/lucid?password=pw", True),
        (env.database, "postgresql://app@%2Frun%2Fpg/lucid", False),
        (env.text, "a name", False),
    ],
)
def test_what_stands_in_the_environment_itself_is_noted_where_it_is_secret(
    read: Callable[[str], Any], value: str, noted: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LUCID_X", value)
    read("LUCID_X")
    assert env.in_the_open() == (frozenset({"LUCID_X"}) if noted else frozenset())


def test_of_a_changing_secret_the_one_before_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LUCID_X_FILE", str(tmp_path / "x"))
    (tmp_path / "x").write_text("only\n")
    assert env.changing_secret("LUCID_X") == ("only", [])
    (tmp_path / "x").write_text("new\nold\n")
    assert env.changing_secret("LUCID_X") == ("new", ["old"])
    for bad in ("new\nold\nolder\n", "\nold\n", "new\n \n"):
        (tmp_path / "x").write_text(bad)
        with pytest.raises(ImproperlyConfigured, match="LUCID_X is one line"):
            env.changing_secret("LUCID_X")
    monkeypatch.delenv("LUCID_X_FILE")
    assert env.changing_secret("LUCID_X", "") == ("", [])
