"""What a program says of itself to the kernel: its machine, and on how large pages it can be loaded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# A Pi 5's kernel has pages of 16 KiB, unless it is told otherwise.
PAGE_OF_A_PI_5: Final = 16_384
_MAGIC: Final = b"\x7fELF\x02"
_LOAD: Final = 1
MACHINES: Final = {62: "amd64", 183: "arm64"}


def programs(root: Path) -> Iterator[Path]:
    """Every 64-bit program and library below a folder."""
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with open(file, "rb") as opened:
                if opened.read(5) == _MAGIC:
                    yield file


def machine(file: Path) -> str:
    with open(file, "rb") as opened:
        return MACHINES.get(struct.unpack_from("<H", opened.read(20), 18)[0], "another")


def alignment(file: Path) -> int:
    """The largest page, in bytes, on which every part that is loaded can be mapped."""
    content = file.read_bytes()
    (start,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    headers = [start + size * number for number in range(count)]
    loaded = [at for at in headers if struct.unpack_from("<I", content, at)[0] == _LOAD]
    return min((int(struct.unpack_from("<Q", content, at + 48)[0]) for at in loaded), default=PAGE_OF_A_PI_5)
