"""Folders for embedded servers, and the promise that no test leaves a process behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a blank in its name; nothing that was started for it may outlive the test."""
    parent = Path(tempfile.mkdtemp(prefix="lucid-embedded-"))
    folder = parent / "my demo"
    folder.mkdir()
    yield folder
    left = processes_that_mention(str(parent))
    shutil.rmtree(parent, ignore_errors=True)
    assert not left


def processes_that_mention(text: str) -> list[str]:
    """Command lines of living processes with `text` in them or in their environment."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            line = Path(f"/proc/{entry}/cmdline").read_bytes()
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        if text.encode() in line or text.encode() in environment:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found
