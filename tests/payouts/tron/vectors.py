"""Transactions on which tronweb and an independent encoder agree to the byte; the keys are throwaway test
keys.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads(Path(__file__).with_name("tron_vectors.json").read_text("utf-8"))
KEYS: dict[str, dict[str, str]] = DOCUMENT["keys"]
VECTORS: dict[str, dict[str, Any]] = {vector["name"]: vector for vector in DOCUMENT["vectors"]}
INVALID_ADDRESSES: list[str] = DOCUMENT["invalid_addresses"]
