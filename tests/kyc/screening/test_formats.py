"""Each format's file: what it says, whatever its namespace and ticker, and what is refused."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterable
from datetime import date

import pytest

from kyc.screening.formats import FORMATS, ListUnreadable
from kyc.screening.formats.items import Address, Item, Name, Published
from tests.kyc.screening.lists import advanced_xml, bitcoin, sdn_xml, tron, twin

BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>'
REMOTE = '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'


def parse(form: str, *pieces: bytes) -> list[Item]:
    return list(FORMATS[form](pieces))


def addresses(items: Iterable[Item]) -> list[tuple[str, str]]:
    return [(item.ticker, item.raw) for item in items if isinstance(item, Address)]


def names(items: Iterable[Item]) -> list[str]:
    return [item.name for item in items if isinstance(item, Name)]


LISTED = [
    ("TRX", tron("a")),
    ("USDT", tron("b")),
    ("XBT", tron("c")),
    ("ETH", twin("d")),
    ("XBT", bitcoin("e")),
]


def test_sdn_xml_gives_every_digital_currency_address_whatever_its_ticker() -> None:
    found = parse("ofac_sdn", sdn_xml([(36, "Invented Lda", LISTED), (37, "Nobody", [])]))

    assert found[0] == Published(date(2026, 11, 16))
    assert addresses(found) == LISTED
    assert names(found) == ["Invented Lda", "Invented Lda Holding", "Nobody", "Nobody Holding"]
    assert found[3] == Address(tron("a"), "party 36", "TRX", "36", "Invented Lda", "INVENTED")


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_sdn_advanced_xml_is_read_by_local_names(prefix: str) -> None:
    rows = [(n, f"Party {n}", ticker, address) for n, (ticker, address) in enumerate(LISTED)]

    found = parse("ofac_sdn_advanced", advanced_xml(rows, prefix=prefix))

    assert found[0] == Published(date(2026, 11, 16))
    assert addresses(found) == LISTED
    assert names(found) == [f"Party {n}" for n in range(5)]


def test_a_file_is_the_same_in_pieces_of_any_size() -> None:
    whole = advanced_xml([(1, "Pärty", "TRX", tron("a"))])
    assert parse("ofac_sdn_advanced", *(whole[n : n + 7] for n in range(0, len(whole), 7))) == parse(
        "ofac_sdn_advanced", whole
    )


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("ofac_sdn", sdn_xml([(1, "Nobody", [])])),
        ("ofac_sdn", advanced_xml([(1, "a", "TRX", tron("a"))])),
        ("ofac_sdn_advanced", sdn_xml([(1, "Nobody", LISTED)])),
        ("ofac_sdn_advanced", advanced_xml([])),
        ("ofac_sdn", sdn_xml([(1, "a", LISTED)], published="2026-11-16")),
        ("ofac_sdn", sdn_xml([(1, "a", LISTED)])[:-20]),
        ("ofac_sdn", b"not xml at all"),
        ("ofac_sdn", b""),
        ("ofac_sdn", b"<a>" * 100),
        ("ofac_sdn", b"<sdnList><sdnEntry><uid>" + b"9" * 5000),
        ("ofac_sdn", sdn_xml([(1, "many", [("TRX", tron("a"))] * 5_001)])),
        ("ofac_sdn", sdn_xml([(1, "&c;", LISTED)], head=BOMB)),
        ("ofac_sdn", sdn_xml([(1, "&file;", LISTED)], head=OUTSIDE)),
        ("ofac_sdn", sdn_xml([(1, "a", LISTED)], head=REMOTE)),
        ("csv", b"wallet,name\nx,y\n"),
        ("csv", b"address,address\nx,y\n"),
        ("csv", b"address,name\nx\n"),
        ("csv", b'address\n"x" y\n'),
        ("csv", b""),
        ("lines", b"a\0b"),
        ("lines", b"x" * 10_001),
    ],
)
def test_what_isn_t_the_list_is_refused_with_a_sentence(form: str, content: bytes) -> None:
    with pytest.raises(ListUnreadable, match=r"\.$"):
        parse(form, content)


def test_lines_without_comments_and_empty_ones() -> None:
    content = f"\ufeff# frozen\r\n\n {tron('a')} \r\n{tron('b')}".encode()
    assert parse("lines", content[:5], content[5:]) == [
        Address(tron("a"), "line 3"),
        Address(tron("b"), "line 4"),
    ]


def test_lines_that_aren_t_utf_8_come_through_to_be_quarantined() -> None:
    assert parse("lines", b"\xff\xfe") == [Address("\ufffd\ufffd", "line 1")]


def test_csv_by_the_names_of_its_columns() -> None:
    content = f'currency,Address,name,else\nXBT,{tron("a")},"Invented, Lda",1\n,,Nobody,\n'.encode()
    assert parse("csv", content) == [
        Name("Invented, Lda", label="Invented, Lda"),
        Address(tron("a"), "line 2", "XBT", label="Invented, Lda"),
        Name("Nobody", label="Nobody"),
    ]


@pytest.mark.prove
def test_200_megabytes_are_read_in_bounded_memory() -> None:
    """In a process of its own: what it needed at most is the system's word."""
    program = """
import resource
from tests.harness import environment
environment.prepare()
import django
django.setup()
from kyc.screening.formats import FORMATS
from kyc.screening.formats.items import Address
from tests.kyc.screening.lists import advanced_xml, tron
begins, _, rest = advanced_xml([(1, "Party", "TRX", tron("a"))], padding="x" * 900).partition(b"<x:DistinctParty ")
party, close, ends = (b"<x:DistinctParty " + rest).partition(b"</x:DistinctParty>")
def pieces():
    yield begins
    for _ in range(200_000_000 // len(party + close * 50) // 50 + 1):
        yield (party + close) * 50
    sent = 0
    while sent < 200_000_000:
        yield (party + close) * 500
        sent += 500 * len(party + close)
    yield ends
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(isinstance(item, Address) for item in FORMATS["ofac_sdn_advanced"](pieces()))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert count > 100_000, count
assert after - before < 40_000, (before, after)
"""
    assert resource  # the same module measures in there
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
