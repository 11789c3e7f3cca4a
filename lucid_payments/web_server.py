"""What gunicorn does around its workers' lives; its option is `--config=python:lucid_payments.web_server`."""

from __future__ import annotations

import gc
import logging.config
import os
from typing import Any

from gunicorn import glogging
from prometheus_client import multiprocess

from lucid_payments import logs


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own lines in the shape and place of all others, from before Django is set up on.

    Not by its `logconfig_dict`, which would switch its access log on: a line a request, with the whole address.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        as_json = os.environ.get("LUCID_ENV") in ("staging", "production")
        level = os.environ.get("LOG_LEVEL") or "INFO"
        logging.config.dictConfig(logs.configuration(level, as_json=as_json, to_stdout=True))
        logging.captureWarnings(True)


logger_class = Logger
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
