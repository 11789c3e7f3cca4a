"""The operator's editor: writes the values of WALK_VALUES behind the names of a settings file, which must be there."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path


def main(file: Path) -> None:
    text = file.read_text()
    for name, value in json.loads(os.environ["WALK_VALUES"]).items():
        lines = re.findall(rf"^{name}=.*$", text, re.MULTILINE)
        assert len(lines) == 1, f"{file} has {len(lines)} lines {name}="
        text = text.replace(lines[0], f"{name}={value}")
    file.write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
