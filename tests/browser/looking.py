"""What every page must be in a browser, and pictures of pages for people to look at."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

from tests.browser.conftest import DESK, PHONE, Office
from tests.browser.screens import FOLDER_VARIABLE

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 420, "height": 900}
# A long page's beginning says what it looks like.
LONGEST = 1800
COLOURS = 48
MOST_BYTES = 150_000


def check(office: Office, name: str = "", *, narrow: bool = False) -> None:
    """No serious fault, one heading, and it fits a phone. With a name it is kept as a picture, where that is wanted."""
    page = office.page
    assert office.axe() == [], name
    assert page.get_by_role("heading", level=1).count() == 1, name
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    if name:
        picture(office, name, narrow=narrow)


def picture(office: Office, name: str, *, narrow: bool = False) -> None:
    """The page as it is: at a desk, and on a telephone where that is asked for."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return
    for ending, size in (("", WIDE), ("-narrow", NARROW))[: 2 if narrow else 1]:
        office.page.set_viewport_size(size)  # type: ignore[arg-type]
        shot = Image.open(io.BytesIO(office.page.screenshot(full_page=True))).convert("RGB")
        shot = shot.crop((0, 0, shot.width, min(shot.height, LONGEST)))
        file = Path(folder) / f"{name}{ending}.png"
        # Few colours say as much, in a fifth of the bytes.
        shot.quantize(COLOURS).save(file, optimize=True)
        assert file.stat().st_size <= MOST_BYTES, name
    office.page.set_viewport_size(DESK)  # type: ignore[arg-type]
