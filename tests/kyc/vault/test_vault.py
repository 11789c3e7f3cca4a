"""The vault: what is sealed opens with its own key, at its own place, unchanged, and in no other way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from kyc import keyring, vault
from kyc.models import Subject
from kyc.vault import sealing, subjects
from kyc.vault.checks import check_vault_keys
from lucid_payments.audit.models import AuditEntry

PLACE = vault.Place("kyc_record", "fields", "record_1", 3)
SECRET = "Zoë Canary, born 1984-02-29".encode()


@pytest.fixture
def ring_file(tmp_path: Path, settings: Settings) -> Path:
    """A ring of the test's own."""
    file = tmp_path / "kyc" / "keys.json"
    settings.KYC_KEYS_FILE = str(file)
    keyring.create(file)
    return file


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("vaultkeys", *arguments, stdout=out)
    return out.getvalue()


def rewrite(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def age(file: Path) -> None:
    """As if everything in the ring had happened so long ago that it has settled."""
    content = json.loads(file.read_text())
    for key in content["keys"]:
        key["since"] -= keyring.SETTLED_SECONDS
    file.write_text(json.dumps(content))


words = st.text(max_size=20)


@given(
    key=st.binary(min_size=32, max_size=32), plaintext=st.binary(max_size=300), about=st.tuples(words, words)
)
@settings(max_examples=50)
def test_what_was_encrypted_comes_back(key: bytes, plaintext: bytes, about: tuple[str, str]) -> None:
    sealed = sealing.encrypt(key, plaintext, about)
    assert sealing.decrypt(key, sealed, about) == plaintext
    assert sealing.encrypt(key, plaintext, about) != sealed


@given(plaintext=st.binary(max_size=60), data=st.data())
@settings(max_examples=100)
def test_one_changed_byte_anywhere_is_refused(plaintext: bytes, data: st.DataObject) -> None:
    key = bytes(range(32))
    sealed = bytearray(sealing.encrypt(key, plaintext, ("a", "b")))
    where = data.draw(st.integers(0, len(sealed) - 1))
    sealed[where] ^= data.draw(st.integers(1, 255))
    with pytest.raises(vault.Unreadable):
        sealing.decrypt(key, bytes(sealed), ("a", "b"))


@given(
    ours=st.lists(words, max_size=4),
    others=st.lists(words, max_size=4),
    key=st.binary(min_size=32, max_size=32),
)
@settings(max_examples=100)
def test_other_words_or_another_key_are_refused(ours: list[str], others: list[str], key: bytes) -> None:
    sealed = sealing.encrypt(bytes(32), b"x", tuple(ours))
    if ours != others:
        with pytest.raises(vault.Unreadable):
            sealing.decrypt(bytes(32), sealed, tuple(others))
    if key != bytes(32):
        with pytest.raises(vault.Unreadable):
            sealing.decrypt(key, sealed, tuple(ours))


def test_words_that_only_run_together_alike_are_refused() -> None:
    with pytest.raises(vault.Unreadable):
        sealing.decrypt(bytes(32), sealing.encrypt(bytes(32), b"x", ("ab", "c")), ("a", "bc"))


@pytest.mark.parametrize("cut", [0, 1, 12, 28])
def test_what_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(vault.Unreadable):
        sealing.decrypt(bytes(32), sealing.encrypt(bytes(32), b"", ())[:cut], ())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"table": "kyc_document"}, {"column": "salt"}, {"pk": "record_2"}, {"version": 2}]
)
def test_a_value_put_into_another_place_is_refused(change: dict[str, Any]) -> None:
    subject = vault.new_subject()
    sealed = vault.seal(subject, PLACE, SECRET)
    assert vault.open(subject, PLACE, sealed) == SECRET
    assert SECRET not in sealed
    with pytest.raises(vault.Unreadable):
        vault.open(subject, replace(PLACE, **change), sealed)


@pytest.mark.django_db
def test_a_value_or_a_data_key_of_somebody_else_is_refused() -> None:
    one, other = vault.new_subject(), vault.new_subject()
    sealed = vault.seal(one, PLACE, SECRET)
    with pytest.raises(vault.Unreadable):
        vault.open(other, PLACE, sealed)
    other.wrapped_key = one.wrapped_key
    with pytest.raises(vault.Unreadable):
        vault.open(other, PLACE, sealed)


@pytest.mark.django_db
def test_a_subject_is_read_back_from_the_database_and_opens() -> None:
    sealed = vault.seal(vault.new_subject(), PLACE, SECRET)
    assert vault.open(Subject.objects.get(), PLACE, memoryview(sealed)) == SECRET


@pytest.mark.django_db
def test_what_a_destroyed_key_sealed_is_gone_and_nothing_new_is_sealed() -> None:
    subject = vault.new_subject()
    sealed, before = vault.seal(subject, PLACE, SECRET), bytes(subject.wrapped_key)
    assert vault.destroy(subject)
    assert not vault.destroy(subject)
    for held in (subject, Subject.objects.get()):
        assert (bytes(held.wrapped_key), held.kek_id, held.destroyed_at is None) == (b"", "", False)
        with pytest.raises(vault.Destroyed):
            vault.open(held, PLACE, sealed)
        with pytest.raises(vault.Destroyed):
            vault.seal(held, PLACE, b"more")
    assert [entry.object_label for entry in AuditEntry.objects.filter(action="vault.key_destroyed")] == [
        subject.public_id
    ]
    with pytest.raises(DatabaseError, match="was destroyed"), transaction.atomic():
        Subject.objects.update(wrapped_key=before, kek_id="kek_x", destroyed_at=None)


@pytest.mark.django_db
def test_a_subject_without_a_key_that_isn_t_destroyed_can_t_be_stored() -> None:
    with pytest.raises(DatabaseError, match="subject_has_a_key_until_destroyed"), transaction.atomic():
        Subject.objects.create()


@pytest.mark.django_db
def test_a_ring_of_other_keys_opens_nothing_and_says_which_key_it_lacks(ring_file: Path) -> None:
    subject = vault.new_subject()
    sealed = vault.seal(subject, PLACE, SECRET)
    ring_file.unlink()
    with pytest.raises(vault.KeysUnavailable, match="can't be read"):
        vault.open(subject, PLACE, sealed)
    keyring.create(ring_file)
    with pytest.raises(vault.KeysUnavailable, match=subject.kek_id):
        vault.open(subject, PLACE, sealed)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: file.unlink(),
    "open to others": lambda file: file.chmod(0o640),
    "no JSON": lambda file: file.write_text("keys"),
    "a changed byte of a KEK": lambda file: rewrite(
        file, lambda ring: ring["keys"][0].update(key="00" + ring["keys"][0]["key"][2:])
    ),
    "a changed byte of the blind key": lambda file: rewrite(
        file, lambda ring: ring["blind"].update(key="00" + ring["blind"]["key"][2:])
    ),
    "a short key": lambda file: rewrite(file, lambda ring: ring["keys"][0].update(key="00")),
    "no current key": lambda file: rewrite(file, lambda ring: ring["keys"][0].update(state="retiring")),
    "a key twice": lambda file: rewrite(
        file, lambda ring: ring["keys"].append({**ring["keys"][0], "state": "retiring"})
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_ring_that_is_not_whole_and_private_does_nothing(damage: str, ring_file: Path) -> None:
    subject = vault.new_subject()
    sealed = vault.seal(subject, PLACE, SECRET)
    DAMAGE[damage](ring_file)
    for act in (
        vault.new_subject,
        lambda: vault.seal(subject, PLACE, b""),
        lambda: vault.open(subject, PLACE, sealed),
        lambda: vault.blind("name", "Zoë"),
    ):
        with pytest.raises(vault.KeysUnavailable) as refused:
            act()
        assert json.dumps(str(refused.value)).count("00" * 8) == 0
    assert Subject.objects.count() == 1
    assert [finding.id for finding in check_vault_keys()] == ([] if damage == "missing" else ["kyc.E002"])


def test_live_there_is_no_start_without_a_ring(settings: Settings) -> None:
    settings.KYC_KEYS_FILE = ""
    assert check_vault_keys() == []
    settings.IS_LIVE = True
    assert [(finding.id, bool(finding.hint)) for finding in check_vault_keys()] == [("kyc.E001", True)]
    with pytest.raises(vault.KeysUnavailable, match="KYC_KEYS_FILE is not set"):
        vault.blind("name", "x")


def test_no_key_shows_when_a_ring_is_printed(ring_file: Path) -> None:
    ring = keyring.load(ring_file)
    assert ring.current.key.hex() not in repr(ring)
    assert repr(ring.blind_key) not in repr(ring)
    assert ring_file.stat().st_mode & 0o777 == 0o600


def test_the_blind_index_finds_the_same_text_of_the_same_field_alone(ring_file: Path) -> None:
    found = vault.blind("document_number", " x 12345Ａ ")
    assert found == vault.blind("document_number", "X 12345a")
    assert len(found) == 32
    others = [vault.blind("name", "X 12345a"), vault.blind("document_number", "X 12345b")]
    ring_file.unlink()
    keyring.create(ring_file)
    assert found not in [*others, vault.blind("document_number", "X 12345a")]


@pytest.mark.django_db
def test_a_rotation_rewraps_everybody_and_then_the_old_key_can_go(ring_file: Path) -> None:
    people = [vault.new_subject() for _ in range(5)]
    sealed = [vault.seal(person, PLACE, SECRET) for person in people]
    gone = vault.new_subject()
    vault.destroy(gone)
    old = keyring.load(ring_file).current.kek_id
    with pytest.raises(CommandError, match="no next key"):
        run("rotate")
    run("add")
    with pytest.raises(CommandError, match="already"):
        run("add")
    assert "rewrapped 5" in run("rotate", "--batch", "2")
    assert set(Subject.objects.filter(destroyed_at=None).values_list("kek_id", flat=True)) == {
        keyring.load(ring_file).current.kek_id
    }
    with pytest.raises(CommandError, match="Wait"):
        run("drop", old)
    age(ring_file)
    assert old not in run("drop", old)
    for person, value in zip(people, sealed, strict=True):
        person.refresh_from_db()
        assert vault.open(person, PLACE, value) == SECRET
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == [
        "vault.key_destroyed", "vault_keys.added", "vault_keys.rotated", "vault_keys.dropped",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_rotation_that_was_cut_off_goes_on_and_until_then_both_keys_open(
    ring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [vault.new_subject() for _ in range(4)]
    sealed = [vault.seal(person, PLACE, SECRET) for person in people]
    run("add")
    old = keyring.load(ring_file).current.kek_id
    keyring.write(ring_file, keyring.load(ring_file).rotated())
    assert subjects.rewrap_some(3) == 3
    with monkeypatch.context() as cut:
        cut.setattr(Subject.objects, "bulk_update", _killed)
        with pytest.raises(KeyboardInterrupt):
            subjects.rewrap_some(3)
    age(ring_file)
    with pytest.raises(CommandError, match="still wrapped"):
        run("drop", old)
    for person, value in zip(Subject.objects.order_by("id"), sealed, strict=True):
        assert vault.open(person, PLACE, value) == SECRET
    assert "rewrapped 1" in run("rewrap")
    assert not Subject.objects.filter(kek_id=old).exists()


@pytest.mark.django_db
def test_a_data_key_that_can_t_be_unwrapped_stops_the_rotation_and_changes_nothing(ring_file: Path) -> None:
    people = [vault.new_subject() for _ in range(2)]
    Subject.objects.filter(pk=people[1].pk).update(wrapped_key=people[0].wrapped_key)
    before = list(Subject.objects.order_by("id").values())
    run("add")
    with pytest.raises(CommandError, match="sealed with another key"):
        run("rotate")
    assert list(Subject.objects.order_by("id").values()) == before


@pytest.mark.django_db
def test_creating_keeps_a_ring_that_is_there_and_the_current_key_stays(ring_file: Path) -> None:
    before = ring_file.read_text()
    run("create")
    assert ring_file.read_text() == before
    with pytest.raises(CommandError, match="current one"):
        run("drop", keyring.load(ring_file).current.kek_id)
    with pytest.raises(CommandError, match="has no key"):
        run("drop", "kek_unknown")
    assert ring_file.read_text() == before


def _killed(*arguments: Any, **options: Any) -> None:
    raise KeyboardInterrupt
