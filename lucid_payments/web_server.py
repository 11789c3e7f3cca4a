"""What gunicorn does around its workers' lives; its option is `--config=python:lucid_payments.web_server`."""

from __future__ import annotations

import gc
import os
from typing import Any

from prometheus_client import multiprocess

# Django makes many short-lived objects and few circles: looking for those every 700 objects is work for nothing.
COLLECT_EVERY = 20_000


def post_worker_init(worker: Any) -> None:
    """A worker has loaded the application: what it holds stays, and needn't be looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)


def child_exit(server: Any, worker: Any) -> None:
    """A worker has ended: its gauges end with it, what it counted stays in the sums."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(worker.pid)
