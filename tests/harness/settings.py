"""The project's settings under the tests' environment, for tools that import them: mypy's Django plugin."""

import os

from tests.harness.environment import FIXED

os.environ.update(FIXED)
os.environ.setdefault("DATABASE_URL", "postgresql://nobody@localhost/none")
os.environ.setdefault("BROKER_URL", "redis://localhost")
os.environ.setdefault("CACHE_URL", "redis://localhost")
os.environ.setdefault("JWT_KEYS_DIR", "/nonexistent/jwt")

from lucid_payments.settings import *  # noqa: F403
