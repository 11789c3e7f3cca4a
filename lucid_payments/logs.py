"""Structured logs: one line an event, JSON where machines read it, with what must not be read masked."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

MASK: Final = "***"
# Where a request keeps its id (`api.request_id`).
REQUEST_ID: Final = "lucid.request_id"
SECRET_NAMES: Final = re.compile(
    r"(password|passphrase|secret|token|authorization|cookie|api_?key|private_?key|totp|seed|mnemonic)", re.I
)
# A token wherever it stands, a bearer's credentials, and the password in a URL.
SECRET_VALUES: Final = (
    re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"),
    re.compile(r"(?<=[Bb]earer )\S+"),
    re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END|\Z)", re.S),
)
# They tell of each task that nothing happened, several times a second; what fails they tell as an error.
CHATTY: Final = ("celery.app.trace", "celery.beat", "celery.worker.strategy")


def mask_secrets(logger: Any, method: str, event: EventDict) -> EventDict:
    """Mask by name and by shape, in nested values too. Transaction ids look like keys, but are public."""
    return {name: MASK if SECRET_NAMES.search(name) else _masked(value) for name, value in event.items()}


def without_request(logger: Any, method: str, event: EventDict) -> EventDict:
    """Django adds the request to its own records, which shows as its whole address: a query may hold anything.

    Its id stays: Django writes of an answer of 400 and above when the request's own context has ended.
    """
    request = event.pop("request", None)
    request_id = getattr(request, "META", {}).get(REQUEST_ID)
    if request_id and not event.get("request_id"):
        event["request_id"] = request_id
    return event


def is_process(program: str) -> bool:
    """Whether this program (argv's first) is one of the long-lived ones, whose standard output is the log; a command's
    is for what it was asked for."""
    return not {"gunicorn", "celery"}.isdisjoint(Path(program).parts[-2:])


def configuration(level: str, *, as_json: bool, to_stdout: bool = False) -> dict[str, Any]:
    """Django's LOGGING, and gunicorn's: everything at `level` and above in one shape, to standard error or output."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        without_request,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    mask_secrets,
                    renderer,
                ],
            }
        },
        "handlers": {
            "log": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                # Celery puts a logger in the place of sys.stdout, which would end in itself.
                "stream": "ext://sys.__stdout__" if to_stdout else "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["log"], "level": level},
        "loggers": {
            # Their own handlers would print each of their records a second time, and not in this shape.
            **{
                name: {"handlers": [], "level": level, "propagate": True}
                for name in ("django", "gunicorn.error", "gunicorn.access", "py.warnings")
            },
            **{name: {"level": "WARNING" if level == "INFO" else level} for name in CHATTY},
        },
    }


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        for pattern in SECRET_VALUES:
            value = pattern.sub(MASK, value)
        return value
    if isinstance(value, Mapping):
        masked: MutableMapping[Any, Any] = {
            name: MASK if SECRET_NAMES.search(str(name)) else _masked(inner) for name, inner in value.items()
        }
        return masked
    if isinstance(value, list | tuple):
        return type(value)(_masked(inner) for inner in value)
    return value
