"""What tor says of its proof-of-work defence, from its MetricsPort (`TOR_METRICS_URL`) on this machine."""

from __future__ import annotations

import http.client
import re
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

SECONDS: Final = 2.0
_EFFORT: Final = re.compile(
    r'^tor_hs_pow_suggested_effort\{onion="([a-z2-7]{56})"[^}]*\} (\d+)', re.MULTILINE
)


def suggested_efforts() -> dict[str, int] | None:
    """The effort that each service asks its clients for now, by address; 0 where nobody floods it.

    A service without the defence isn't in it. None where tor's metrics can't be read.
    """
    if not settings.TOR_METRICS_URL:
        return None
    where = urlsplit(settings.TOR_METRICS_URL)
    # No proxy and no redirect: it is this machine, or the one beside it.
    asked = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=SECONDS)
    try:
        asked.request("GET", where.path or "/metrics")
        answer = asked.getresponse()
        text = answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        asked.close()
    return {f"{onion}.onion": int(effort) for onion, effort in _EFFORT.findall(text)}
