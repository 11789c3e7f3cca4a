"""What Prometheus may know of ends: when a certificate runs out, and when a key should be replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Final

from cryptography import x509
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = logging.getLogger(__name__)
DAY: Final = 86_400

# Since when the key in use is in use (epoch seconds); None where this process has no such key.
InUseSince = Callable[[], float | None]
_keys: dict[str, InUseSince] = {}


def register_key(name: str, in_use_since: InUseSince) -> None:
    """Let a room tell how old its key is."""
    _keys[name] = in_use_since


class ExpiryCollector(Collector):
    """What can't be read is said to have ended: an alarm is right then."""

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not read the files."""
        return ()

    def collect(self) -> Iterator[Metric]:
        ends = GaugeMetricFamily(
            "lucid_expiry_timestamp_seconds",
            "When a certificate runs out, or a key is due to be replaced",
            labels=["kind", "name"],
        )
        for file in settings.TLS_CERTIFICATE_FILES:
            ends.add_metric(["certificate", Path(file).name], certificate_ends(Path(file)))
        for name, in_use_since in _keys.items():
            try:
                since = in_use_since()
            except Exception:
                log.exception("the age of the %s key can't be told", name)
                since = 0
            if since is not None:
                ends.add_metric(["key", name], since + settings.KEY_ROTATION_DAYS * DAY)
        yield ends


def certificate_ends(file: Path) -> float:
    """Epoch seconds at which the first certificate of a PEM chain to run out does; 0 where it can't be read."""
    try:
        chain = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        log.warning("the certificate %s can't be read: %s", file, error)
        return 0
    return min(found.not_valid_after_utc.astimezone(UTC).timestamp() for found in chain)
