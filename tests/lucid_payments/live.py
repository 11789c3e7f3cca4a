"""An environment with which production may start, for tests that break one thing in it."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from pathlib import Path

from tests.harness.environment import TREASURY_ADDRESS

SECRETS = {
    "SECRET_KEY": "Zx8-qL2mN4vB7cR1tY9wE3uI6oP0aS5dF8gH2jK4lM7nQ1bVxyz",
    "DATABASE_URL": "postgresql://lucid_app:pw@db.internal/lucid?sslmode=verify-full",
    "BROKER_URL": "rediss://:pw@broker.internal/0",
    "CACHE_URL": "rediss://:pw@broker.internal/1",
    "GATEWAY_TOKEN": "g" * 32,
    "WEBHOOK_KEY": "w" * 10 + "0123456789" * 4,
}


def _in_files() -> dict[str, str]:
    """Where production wants them: each in a file, named by NAME_FILE."""
    folder = Path(tempfile.mkdtemp(prefix="lucid-live-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, value in SECRETS.items():
        (folder / name).write_text(value + "\n")
    return {f"{name}_FILE": str(folder / name) for name in SECRETS}


PRODUCTION = {
    **_in_files(),
    "LUCID_ENV": "production",
    "ALLOWED_HOSTS": "payments.example.onion",
    "TRON_NETWORK": "mainnet",
    "TRON_NODES": json.dumps(
        [
            {"name": "node1", "operator": "one", "url": "https://one.example"},
            {"name": "node2", "operator": "two", "url": "http://twotwotwotwotwo.onion"},
        ]
    ),
    "TREASURY_ADDRESS": TREASURY_ADDRESS,
    "TOR_PROXY": "socks5h://127.0.0.1:9050",
    "JWT_KEYS_DIR": "/run/secrets/jwt",
    "AUDIT_SEAL_KEY_FILE": "/run/secrets/audit-seal",
    "KYC_KEYS_FILE": "/run/secrets/kyc-keys.json",
    "AUDIT_HEAD_KEY_FILE": "/run/secrets/audit-head.pem",
    "DEPLOYMENT": "lucid-example",
    "TRON_PRIVATE_KEY_FILE": "/run/secrets/treasury.json",
    "CIRCUIT_BREAKER_DAILY_LIMIT": "10000",
    "CIRCUIT_BREAKER_HOURLY_LIMIT": "1000",
    "CORS_ALLOWED_ORIGINS": "https://wallet.example",
    "LOG_LEVEL": "WARNING",
    "SCREENING_LISTS": json.dumps([{"name": "ofac-sdn", "format": "ofac_sdn"}]),
}
STAGING = {**PRODUCTION, "LUCID_ENV": "staging", "TRON_NETWORK": "shasta"}
