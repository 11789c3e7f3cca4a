"""What becomes of an uploaded file: plain pictures of its pages, or a clear reason."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image
from pytest_django import Settings

from kyc.documents import converter, converting, formats
from kyc.documents.converting import convert
from kyc.documents.errors import WORDS, DocumentRefused
from tests.kyc.documents import files


def refusal(content: bytes) -> str:
    with pytest.raises(DocumentRefused) as refused:
        convert(content)
    assert str(refused.value) == WORDS[refused.value.code]
    return refused.value.code


def reason_here(content: bytes) -> str:
    """The same in this process, many times faster: the program without its limits."""
    try:
        kind = formats.recognise(content)
        list(converter.pictures(content, {"kind": kind, "pixels": 60_000_000, "side": 20_000, "pages": 20}))
    except DocumentRefused as refused:
        return refused.code
    except converter.Refusal as refused:
        return str(refused)
    raise AssertionError("taken")


@pytest.mark.parametrize("name", files.BAD)
def test_a_bad_file_is_refused_by_its_reason(name: str) -> None:
    make, code = files.BAD[name]
    assert reason_here(make()) == code
    assert code in WORDS


@pytest.mark.parametrize(
    "name",
    [
        "a 50,000-pixel PNG",
        "PDF with a script in packed objects",
        "PDF with rights",
        "PDF of no page",
        "JPEG cut off",
    ],
)
def test_the_program_of_its_own_refuses_it_too(name: str) -> None:
    make, code = files.BAD[name]
    assert refusal(make()) == code


def test_every_picture_comes_out_as_a_plain_one() -> None:
    for content, kind in ((files.png(), formats.PNG), (files.jpeg(), formats.JPEG)):
        found = convert(content)
        assert (found.media_type, found.sha256, found.size) == (
            kind,
            hashlib.sha256(content).hexdigest(),
            len(content),
        )
        (page,) = found.pages
        assert (page.width, page.height) == (640, 400)
        shown = Image.open(io.BytesIO(page.content))
        assert shown.size == (640, 400)
        assert shown.convert("RGB").getpixel((50, 50))[2] > 100  # type: ignore[index]


def test_where_and_with_what_a_picture_was_taken_is_gone_and_it_stands_upright() -> None:
    content = files.jpeg_with_a_place()
    assert b"Canary Cameras" in content
    (page,) = convert(content).pages
    shown = Image.open(io.BytesIO(page.content))
    assert shown.size == (page.width, page.height) == (400, 640)
    assert not shown.getexif()
    assert b"anary" not in page.content
    assert b"anary" not in convert(files.png_with_words()).pages[0].content


def test_what_a_telephone_puts_behind_a_picture_goes() -> None:
    (page,) = convert(files.jpeg() + files.jpeg(200, 200) + bytes(7)).pages
    assert (page.width, page.height) == (640, 400)


def test_each_page_of_a_pdf_is_drawn() -> None:
    found = convert(files.pdf(pages=3))
    assert found.media_type == formats.PDF
    assert len(found.pages) == 3
    for page in found.pages:
        shown = Image.open(io.BytesIO(page.content))
        assert shown.size == (page.width, page.height)
        assert max(shown.size) <= converter.LONGEST_SIDE
        assert len(set(shown.convert("L").tobytes())) > 2


def test_a_large_photograph_is_scaled_down_and_kept_small() -> None:
    noise = Image.effect_noise((2400, 1000), 60).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=60)
    (page,) = convert(out.getvalue()).pages
    assert max(page.width, page.height) == converter.LONGEST_SIDE
    assert page.media_type == formats.JPEG
    assert len(page.content) < 5_000_000


def test_what_is_see_through_is_shown_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(out, "PNG")
    (page,) = convert(out.getvalue()).pages
    assert Image.open(io.BytesIO(page.content)).getpixel((5, 5)) == (255, 255, 255)


def test_a_picture_s_pixels_are_counted_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*arguments: Any) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    asked = {"kind": formats.PNG, "pixels": 60_000_000, "side": 20_000}
    with pytest.raises(converter.Refusal, match="too_many_pixels"):
        list(converter.pictures(files.png_that_says(50_000, 50_000), asked))
    with pytest.raises(AssertionError, match="decoded"):
        list(converter.pictures(files.png(), asked))


def test_the_caps_are_settings(settings: Settings) -> None:
    settings.KYC_DOCUMENT_MAX_PAGES = 1
    assert refusal(files.pdf(pages=2)) == "too_many_pages"
    settings.KYC_DOCUMENT_MAX_MEGAPIXELS = 1
    assert refusal(files.png(1200, 900)) == "too_many_pixels"
    settings.KYC_DOCUMENT_MAX_MB = 1
    assert refusal(files.jpeg() + bytes(1_000_001)) == "too_large"


MISBEHAVE = {
    "opens a socket": "import socket; socket.socket()",
    "opens a file": "open('/etc/passwd')",
    "starts a program": "import os; os.fork()",
    "asks for memory": "bytes(3_000_000_000)",
    "takes its limits back": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
}


@pytest.mark.parametrize("deed", MISBEHAVE)
def test_the_program_that_reads_files_can_do_nothing_else(deed: str) -> None:
    """As if a file had taken it over; without the limits each deed is done."""
    for limits, succeeds in (("", True), ("converter.give_up({'memory_bytes': 10**9, 'seconds': 5})", False)):
        if deed == "takes its limits back" and not limits:
            continue
        code = f"""
import sys, socket, resource
sys.path.insert(0, {str(converting.PROGRAM.parent)!r})
import converter
{limits}
try:
    {MISBEHAVE[deed]}
except (OSError, MemoryError, ValueError):
    sys.exit(3)
"""
        done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False)
        assert done.returncode == (0 if succeeds else 3), done.stderr


def test_the_program_gets_no_environment_and_none_of_our_files() -> None:
    source = Path(converting.__file__).read_text()
    assert "env={}" in source
    # Closed by default.
    assert "close_fds" not in source
    assert "lucid_payments" not in converting.PROGRAM.read_text()


def test_a_file_that_keeps_the_program_busy_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    busy = tmp_path / "busy.py"
    busy.write_text(
        "import json, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (json.loads(sys.argv[1])['seconds'],) * 2)\n"
        "while True: pass\n"
    )
    monkeypatch.setattr(converting, "PROGRAM", busy)
    monkeypatch.setattr(converting, "SECONDS", 1)
    began = time.monotonic()
    assert refusal(files.png()) == "too_complex"
    assert time.monotonic() - began < 5


UNTRUE = [
    "",
    "print('{}')",
    "print('[]')",
    "print('no JSON')",
    'print(\'{"refused": "<b>"}\')',
    "print('{\"bytes\": 9}')",
]


@pytest.mark.parametrize("answer", UNTRUE)
def test_what_the_program_answers_is_not_taken_on_trust(
    answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(answer)
    monkeypatch.setattr(converting, "PROGRAM", program)
    assert refusal(files.png()) == "damaged"


def test_a_document_with_links_and_a_plain_form_is_taken() -> None:
    def change(made: Any) -> None:
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=pikepdf.Array([0, 0, 9, 9]),
            A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://bank.example"),
        )
        made.pages[0].Annots = pikepdf.Array([link])
        made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array())

    assert len(convert(files.pdf(change=change)).pages) == 1


def test_a_program_that_says_too_much_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = tmp_path / "endless.py"
    endless.write_text("import sys\nwhile True: sys.stdout.write('x' * 65536)\n")
    monkeypatch.setattr(converting, "PROGRAM", endless)
    monkeypatch.setattr(converting, "MOST_OUTPUT", 1_000_000)
    assert refusal(files.png()) == "too_complex"


def test_a_program_that_never_reads_its_file_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(converting, "PROGRAM", deaf)
    monkeypatch.setattr(converting, "SECONDS", 0.5)
    assert refusal(files.jpeg() + files.jpeg(4000, 3000)) == "too_complex"
