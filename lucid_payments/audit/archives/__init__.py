"""One subject's papers as one zip that proves itself, by a manifest whose hash stands in the audit log.

`papers` says what is in it, `making` zips it and writes the entry, `checking` verifies it years later, `page` hands
it out. Rooms above declare their papers: `payouts.archive`, `kyc.archive`.
"""

from typing import Final

TYPE: Final = "lucid-archive/v1"
ACTION: Final = "archive.exported"
MANIFEST: Final = "manifest.json"
AUDIT: Final = "audit.jsonl"
