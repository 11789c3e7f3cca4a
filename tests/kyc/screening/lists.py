"""Invented sanctions lists, and worlds in which one is in force. Nobody on them exists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Any

import base58
from Crypto.Hash import keccak

from kyc.models import ListVersion
from kyc.screening import activation, staging
from kyc.screening.sources import ListSource
from lucid_payments import clock
from lucid_payments.accounts.models import User
from payouts.tron import addresses

LINES = {"name": "frozen", "format": "lines"}
SDN = {"name": "ofac-sdn", "format": "ofac_sdn"}


def key_of(word: str) -> bytes:
    return hashlib.sha256(f"invented {word}".encode()).digest()[:20]


def tron(word: str) -> str:
    """An address nobody holds the key of."""
    return addresses.encode(b"\x41" + key_of(word))


def twin(word: str) -> str:
    """The same key as a 0x address, in capitals as EIP-55 says."""
    digits = key_of(word).hex()
    told = keccak.new(digest_bits=256, data=digits.encode()).hexdigest()
    return "0x" + "".join(
        letter.upper() if int(digit, 16) > 7 else letter for letter, digit in zip(digits, told, strict=False)
    )


def bitcoin(word: str) -> str:
    return base58.b58encode_check(b"\x00" + key_of(word)).decode()


def homoglyph(address: str) -> str:
    """With the first Latin letter that has one replaced by its Cyrillic look-alike."""
    pairs = dict(zip("ABEKMHPCTXaekopcxy", "АВЕКМНРСТХаекорсху", strict=True))
    for place, letter in enumerate(address[1:], start=1):
        if letter in pairs:
            return address[:place] + pairs[letter] + address[place + 1 :]
    raise AssertionError("no letter of it has a look-alike")


def sdn_xml(
    parties: Iterable[tuple[int, str, Iterable[tuple[str, str]]]],
    *,
    published: str = "11/16/2026",
    head: str = "",
) -> bytes:
    """`sdn.xml` of (number, name, (ticker, address) …)."""
    rows = "".join(
        f"<sdnEntry><uid>{uid}</uid><lastName>{name}</lastName><sdnType>Entity</sdnType>"
        "<programList><program>INVENTED</program></programList>"
        f"<akaList><aka><uid>{uid}1</uid><type>a.k.a.</type><lastName>{name} Holding</lastName></aka></akaList><idList>"
        + "".join(
            f"<id><uid>{uid}{n}</uid><idType>Digital Currency Address - {ticker}</idType>"
            f"<idNumber>{address}</idNumber></id>"
            for n, (ticker, address) in enumerate(listed)
        )
        + "<id><uid>7</uid><idType>Passport</idType><idNumber>X1</idNumber></id></idList></sdnEntry>"
        for uid, name, listed in parties
    )
    return (
        f'<?xml version="1.0"?>{head}<sdnList xmlns="https://example.invalid/XML"><publshInformation>'
        f"<Publish_Date>{published}</Publish_Date></publshInformation>{rows}</sdnList>"
    ).encode()


def advanced_xml(
    listed: Iterable[tuple[int, str, str, str]], *, prefix: str = "x:", padding: str = ""
) -> bytes:
    """`sdn_advanced.xml` of (number, name, ticker, address), in a namespace with a prefix."""
    rows = list(listed)
    tickers = sorted({ticker for _, _, ticker, _ in rows})
    types = "".join(
        f'<{prefix}FeatureType ID="{344 + n}">Digital Currency Address - {ticker}</{prefix}FeatureType>'
        for n, ticker in enumerate(tickers)
    )
    parties = "".join(
        f'<{prefix}DistinctParty FixedRef="{uid}"><{prefix}Profile ID="{uid}"><{prefix}Identity Primary="true">'
        f"<{prefix}Alias><{prefix}DocumentedName><{prefix}DocumentedNamePart>"
        f"<{prefix}NamePartValue>{name}</{prefix}NamePartValue></{prefix}DocumentedNamePart>"
        f"</{prefix}DocumentedName></{prefix}Alias></{prefix}Identity>"
        f'<{prefix}Feature FeatureTypeID="8"><{prefix}FeatureVersion><{prefix}VersionDetail>{padding}born'
        f"</{prefix}VersionDetail></{prefix}FeatureVersion></{prefix}Feature>"
        f'<{prefix}Feature FeatureTypeID="{344 + tickers.index(ticker)}"><{prefix}FeatureVersion>'
        f"<{prefix}VersionDetail>{address}</{prefix}VersionDetail></{prefix}FeatureVersion></{prefix}Feature>"
        f"</{prefix}Profile></{prefix}DistinctParty>"
        for uid, name, ticker, address in rows
    )
    declared = f'xmlns{":" + prefix[:-1] if prefix else ""}="https://example.invalid/ADVANCED"'
    return (
        f"<{prefix}Sanctions {declared}><{prefix}DateOfIssue><{prefix}Year>2026</{prefix}Year>"
        f"<{prefix}Month>11</{prefix}Month><{prefix}Day>16</{prefix}Day></{prefix}DateOfIssue>"
        f"<{prefix}ReferenceValueSets><{prefix}FeatureTypeValues>"
        f'<{prefix}FeatureType ID="8">Birthdate</{prefix}FeatureType>{types}</{prefix}FeatureTypeValues>'
        f"</{prefix}ReferenceValueSets><{prefix}DistinctParties>{parties}</{prefix}DistinctParties>"
        f"</{prefix}Sanctions>"
    ).encode()


def people(count: int = 3) -> list[User]:
    """Compliance officers, the same each time."""
    return [
        User.objects.get_or_create(username=f"officer-{n}", defaults={"role": "compliance_officer"})[0]
        for n in range(1, count + 1)
    ]


def stage(content: bytes, entry: dict[str, Any] = LINES, **changes: Any) -> ListVersion:
    """Upload and check a file; answers the version as it stands then."""
    told = {
        "by": people()[0],
        "stated_sha256": hashlib.sha256(content).hexdigest(),
        "published_on": clock.now().date(),
        **changes,
    }
    source = ListSource(entry["name"], entry["format"], entry.get("url", ""), tuple(entry.get("known", ())))
    version = staging.receive(source, [content], **told)
    assert staging.check(version.pk)
    version.refresh_from_db()
    return version


def put_in_force(version: ListVersion) -> ListVersion:
    _, second, third = people()
    activation.activate(version, by=second, second=third, evidence={})
    version.refresh_from_db()
    return version


def listing(*rows: str, entry: dict[str, Any] = LINES) -> ListVersion:
    """A list of plain lines, in force."""
    return put_in_force(stage("\n".join(rows).encode(), entry))


def failed(version: ListVersion) -> list[str]:
    return [check["name"] for check in version.checks if check["verdict"] == "failed"]


def day(text: str) -> date:
    return date.fromisoformat(text)
