"""What gunicorn does around its workers' lives; its option is `--config=python:lucid_payments.web_server`."""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import multiprocess


def child_exit(server: Any, worker: Any) -> None:
    """A worker has ended: its gauges end with it, what it counted stays in the sums."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
