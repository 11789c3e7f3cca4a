"""The library for Web3 key files, imported without its side effect.

py_ecc, which it loads for another kind of key, lifts the recursion limit to 100,000 for the whole
process. With that, deeply nested JSON overflows the C stack: a crash where there would be a RecursionError.
"""

from __future__ import annotations

import sys

_limit = sys.getrecursionlimit()
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json  # noqa: E402 - see above

sys.setrecursionlimit(_limit)

__all__ = ["create_keyfile_json", "decode_keyfile_json"]
