"""The doctor's way: each check is asked, one that fails itself is told of, and the words are for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from lucid_payments.doctor import examination
from lucid_payments.doctor.examination import Check, Finding, Verdict, look, right, wrong
from lucid_payments.doctor.management.commands import doctor as command


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    """The register, emptied for one test."""
    own: dict[str, Check] = {}
    monkeypatch.setattr(examination, "_CHECKS", own)
    return own


def run(*options: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *options, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.usefixtures("checks")
def test_what_is_right_and_what_to_look_at_ends_well() -> None:
    @examination.check("Colours")
    def red() -> Iterator[Finding]:
        yield right("Red is red.")
        yield look("Blue is rather green.", "Mix it anew.")

    status, told = run()

    assert status == 0
    assert told.splitlines()[1:] == [
        "",
        "Colours",
        "  ✓ Red is red.",
        "  ! Look: Blue is rather green.",
        "    → Mix it anew.",
        "",
        "1 right, 1 to look at, 0 wrong",
    ]


@pytest.mark.usefixtures("checks")
def test_what_is_wrong_ends_with_1_and_says_what_to_do() -> None:
    @examination.check("Colours")
    def red() -> Iterator[Finding]:
        yield wrong("Red is " + "very " * 40 + "green.", "Mix it anew.")

    status, told = run()

    assert status == 1
    assert "WRONG: Red is very" in told
    assert max(map(len, told.splitlines())) <= 110
    assert told.endswith("0 right, 0 to look at, 1 wrong\n")


@pytest.mark.usefixtures("checks")
def test_a_check_that_fails_itself_is_wrong_and_the_others_are_asked() -> None:
    @examination.check("Colours")
    def red() -> Iterator[Finding]:
        raise RuntimeError("no light\nat all")

    @examination.check("Colours")
    def blue() -> Iterator[Finding]:
        yield right("Blue is blue.")

    status, told = run()

    assert status == 1
    assert "The check red failed itself: RuntimeError: no light" in told
    assert "Blue is blue." in told


@pytest.mark.usefixtures("checks")
def test_what_stands_on_something_wrong_isnt_asked() -> None:
    @examination.check("Colours")
    def light() -> Iterator[Finding]:
        yield wrong("It is dark.", "Switch it on.")

    @examination.check("Colours", needs="light")
    def red() -> Iterator[Finding]:
        raise AssertionError("asked all the same")

    @examination.check("Shades", needs="red")
    def pink() -> Iterator[Finding]:
        raise AssertionError("asked all the same")

    told = run()[1]

    assert "1 wrong, 2 not asked" in told
    assert "Shades" not in told


@pytest.mark.usefixtures("checks")
def test_before_leaves_out_what_only_runs_later() -> None:
    @examination.check("Colours", running=True)
    def red() -> Iterator[Finding]:
        yield wrong("Red isn't there.", "Wait.")

    assert run("--before")[0] == 0
    assert run()[0] == 1


@pytest.mark.usefixtures("checks")
def test_the_rest_is_what_no_other_process_has_told() -> None:
    @examination.check("Colours", shared=True)
    def red() -> Iterator[Finding]:
        yield wrong("Red isn't there.", "Wait.")

    @examination.check("Colours", needs="red")
    def pink() -> Iterator[Finding]:
        yield right("Pink is pink.")

    status, told = run("--rest")

    assert (status, "Pink is pink." in told, "Red" in told) == (0, True, False)


@pytest.mark.usefixtures("checks")
def test_json_says_the_same() -> None:
    @examination.check("Colours")
    def red() -> Iterator[Finding]:
        yield wrong("Red is green.", "Mix it anew.")

    status, told = run("--json")
    body = json.loads(told)

    assert status == 1
    assert (body["right"], body["look"], body["wrong"]) == (0, 0, 1)
    assert body["findings"] == [
        {
            "subject": "Colours",
            "check": "red",
            "verdict": "wrong",
            "sentence": "Red is green.",
            "do": "Mix it anew.",
        }
    ]
    assert {"deployment", "environment", "network", "user", "version", "at"} <= set(body)


def test_every_check_of_ours_has_a_need_that_comes_before_it() -> None:
    assert command
    registered = examination.registered()
    names = [one.name for one in registered]

    assert len(names) == len(set(names)) >= 20
    for place, one in enumerate(registered):
        assert not one.needs or one.needs in names[:place], one.name


def test_a_finding_that_isnt_right_says_what_to_do() -> None:
    assert [verdict.value for verdict in Verdict] == ["right", "look", "wrong"]
    assert look("a", "b").do
    assert wrong("a", "b").do
