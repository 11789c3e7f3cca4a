"""The commands of docs/deploy.md, in the order in which they stand there, and those of docs/backup.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "deploy.md"
FENCE = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What one fence holds, under its heading."""

    heading: str
    commands: tuple[str, ...]


def setting_up_backups() -> list[str]:
    """The commands of docs/backup.md under "Setting it up": they are indented, and so is the list of paths."""
    part = PAGE.with_name("backup.md").read_text().partition("\n## Setting it up\n")[2].partition("\n## ")[0]
    indented = [line.strip() for line in part.splitlines() if line.startswith("    ")]
    return [line for line in indented if line.startswith(("age-keygen ", "sudo "))]


def backup_drill() -> str:
    """The command of docs/backup.md that restores for practice."""
    text = PAGE.with_name("backup.md").read_text()
    (line,) = re.findall(r"^    (python -m deploy.backup drill .*)$", text, re.MULTILINE)
    return str(line)


def blocks() -> list[Block]:
    text = PAGE.read_text()
    headings = [(found.start(), found[1]) for found in HEADING.finditer(text)]
    found = []
    for fence in FENCE.finditer(text):
        heading = [name for at, name in headings if at < fence.start()][-1]
        lines = fence[1].replace("\\\n", " ").splitlines()
        found.append(Block(heading, tuple(line for line in lines if line.strip() and line[0] != "#")))
    return found
