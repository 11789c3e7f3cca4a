"""Every setting, read once at start from the environment by the strict readers of `env`.

A bad or missing value stops the start and names the variable. `checks` judges what the values mean together.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from lucid_payments import env, logs

BASE_DIR = Path(__file__).resolve().parent.parent

LUCID_ENV = env.choice("LUCID_ENV", ("demo", "test", "staging", "production"))
IS_LIVE = LUCID_ENV in ("staging", "production")
VERSION = "0.1.0"
SERVICE_NAME = "tron-payment-service"
# Which installation this is: stands in what is signed for it or by it, so that it counts nowhere else.
DEPLOYMENT = env.text("DEPLOYMENT", "" if IS_LIVE else f"lucid-{LUCID_ENV}")
BANNERS = {
    "demo": "Demo: nothing here is real money",
    "test": "Test",
    "staging": "Staging: test money on a test network",
    "production": "",
}

# --- Django -----------------------------------------------------------------------------------------------
SECRET_KEY, SECRET_KEY_FALLBACKS = env.changing_secret("SECRET_KEY")
DEBUG = env.boolean("DEBUG", False)
ALLOWED_HOSTS = env.comma_list("ALLOWED_HOSTS", () if IS_LIVE else ("127.0.0.1", "localhost", "testserver"))
ROOT_URLCONF = "lucid_payments.urls"
WSGI_APPLICATION = "lucid_payments.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
APPEND_SLASH = False
# Browsers hold an onion address for secure, and so send these over it.
SESSION_COOKIE_SECURE = IS_LIVE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 30 * 60  # seconds without a request; backoffice.sessions ends one after 8 hours
SESSION_SAVE_EVERY_REQUEST = True
CSRF_COOKIE_SECURE = IS_LIVE
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Strict"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

INSTALLED_APPS = [
    "lucid_payments",
    "lucid_payments.accounts",
    "lucid_payments.audit",
    "lucid_payments.events",
    "lucid_payments.api",
    "lucid_payments.backoffice",
    "lucid_payments.onion",
    "lucid_payments.watch",
    "lucid_payments.gateway",
    "kyc",
    "routers",
    "payouts",
    "lucid_payments.doctor",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "rest_framework",
    "drf_spectacular",
    "corsheaders",
    "django_prometheus",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "lucid_payments.api.request_id.RequestIdMiddleware",
    "lucid_payments.api.error_shape.ErrorShapeMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "lucid_payments.backoffice.security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

STATIC_URL = "/static/"
# Collected for production; demo and test serve what the finders find.
STATIC_ROOT = BASE_DIR / "staticfiles" if IS_LIVE else None
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# --- Data -------------------------------------------------------------------------------------------------
DATABASE_APP_ROLE = env.text("DATABASE_APP_ROLE", "lucid_app")
# What changes the schema connects as the tables' owner; everything else as the application's role.
_MIGRATES_AS_OWNER = (
    sys.argv[1:2] in (["migrate"], ["schema"]) and env.database("DATABASE_OWNER_URL", None) is not None
)
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **env.database("DATABASE_OWNER_URL" if _MIGRATES_AS_OWNER else "DATABASE_URL"),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
}
BROKER_URL = env.url("BROKER_URL", schemes=("redis", "rediss", "redis+socket", "amqp", "amqps"))
CACHE_URL = env.url("CACHE_URL", schemes=("redis", "rediss", "unix"))
CACHES = {"default": {"BACKEND": "lucid_payments.api.cache.SharedRedisCache", "LOCATION": CACHE_URL}}
# Its warning is about caches whose counters aren't atomic; Redis's INCR is.
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.W001", "django_ratelimit.E003"]
# Reached through an onion address, whose encryption is Tor's: there is no https to redirect to.
SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008"]

# --- Celery: platform.md's settings that lose no task of a killed worker ------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 120
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "seal the audit log": {
        "task": "lucid_payments.audit.tasks.seal",
        "schedule": 1.0,
        "options": {"expires": 10},
    },
    # Once a day, of itself; an hour that was missed is made up for.
    "sign the audit log's head": {
        "task": "lucid_payments.audit.tasks.sign_head",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    # Some seconds of the walk each time; a whole walk begins once a day.
    "verify the audit log": {
        "task": "lucid_payments.audit.tasks.verify",
        "schedule": 300.0,
        "options": {"expires": 240},
    },
    "end acts that nobody confirmed": {
        "task": "lucid_payments.backoffice.tasks.expire_acts",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "forget what is kept no longer: tokens, sessions, failed logins, first answers, deliveries": {
        "task": "lucid_payments.backoffice.tasks.forget",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "tell webhooks of events": {
        "task": "lucid_payments.events.tasks.tell_webhooks",
        "schedule": 3.0,
        "options": {"expires": 10},
    },
    # The sweep: finds what a lost nudge would have told of.
    "release what is due": {"task": "payouts.tasks.release", "schedule": 3.0, "options": {"expires": 10}},
    "sign what is prepared": {"task": "payouts.tasks.sign", "schedule": 3.0, "options": {"expires": 10}},
    "send what isn't seen yet": {"task": "payouts.tasks.send", "schedule": 3.0, "options": {"expires": 10}},
    "watch the chain": {
        "task": "payouts.tasks.watch",
        "schedule": env.integer("WATCH_SECONDS", 3, minimum=1, maximum=30),
        "options": {"expires": 10},
    },
    "follow nodes whose operator has come": {
        "task": "payouts.tasks.follow_nodes",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "pay sessions by their rule": {
        "task": "payouts.tasks.pay_sessions",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    # Once an hour, of itself; the rest of the time it goes on with a run that was cut off or couldn't be answered.
    "reconcile chain and books": {
        "task": "payouts.tasks.reconcile",
        "schedule": 300.0,
        "options": {"expires": 240},
    },
    "forget what nodes said long ago": {
        "task": "payouts.tasks.forget",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "make the reports that were asked for": {
        "task": "payouts.tasks.make_reports",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "fold the stats' changes into their sums": {
        "task": "payouts.tasks.fold_stats",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "compare the stats' sums with the payouts": {
        "task": "payouts.tasks.keep_stats",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "erase what is kept no longer": {
        "task": "kyc.tasks.erase_due",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "let KYC's leases, requests and approvals end in time": {
        "task": "kyc.tasks.sweep",
        "schedule": 30.0,
        "options": {"expires": 25},
    },
    "ask providers about what waits for people": {
        "task": "payouts.tasks.ask_providers",
        "schedule": 30.0,
        "options": {"expires": 25},
    },
    "ask providers about who waits to be verified": {
        "task": "kyc.tasks.ask_providers",
        "schedule": 30.0,
        "options": {"expires": 25},
    },
    "check lists that were staged": {
        "task": "kyc.tasks.check_lists",
        "schedule": 15.0,
        "options": {"expires": 10},
    },
    "screen everybody anew": {"task": "kyc.tasks.rescreen", "schedule": 10.0, "options": {"expires": 10}},
    "fetch sanctions lists": {
        "task": "kyc.tasks.fetch_lists",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    # The last day of a month, too: its run is opened and frozen once its cut-off has come.
    "bring monthly runs forward": {
        "task": "payouts.tasks.distribute",
        "schedule": 20.0,
        "options": {"expires": 15},
    },
    "tell the outside that all is well": {
        "task": "payouts.tasks.heartbeat",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "search the chain for people": {
        "task": "payouts.tasks.search",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
}
CELERY_TASK_ROUTES = {
    "kyc.tasks.check_lists": {"queue": "default"},
    "kyc.tasks.rescreen": {"queue": "default"},
    "kyc.tasks.fetch_lists": {"queue": "default"},
    "kyc.tasks.ask_providers": {"queue": "default"},
    "payouts.tasks.ask_providers": {"queue": "default"},
    "payouts.tasks.release": {"queue": "release"},
    "payouts.tasks.send": {"queue": "send"},
    "payouts.tasks.watch": {"queue": "watch"},
    "payouts.tasks.search": {"queue": "default"},
    "payouts.tasks.sign": {"queue": "sign"},
    "payouts.tasks.heartbeat": {"queue": "default"},
    "payouts.tasks.reconcile": {"queue": "default"},
    "payouts.tasks.make_reports": {"queue": "default"},
    "payouts.tasks.forget": {"queue": "default"},
    "payouts.tasks.fold_stats": {"queue": "default"},
    "payouts.tasks.keep_stats": {"queue": "default"},
    "payouts.tasks.follow_nodes": {"queue": "default"},
    "payouts.tasks.pay_sessions": {"queue": "default"},
    "payouts.tasks.distribute": {"queue": "default"},
}

# --- TRON -------------------------------------------------------------------------------------------------
TRON_NETWORK = env.choice("TRON_NETWORK", ("devnet", "shasta", "nile", "mainnet"))
TRON_NODES: list[Any] = list(env.json_list("TRON_NODES", ()))
TRON_USDT_CONTRACT = env.text("TRON_USDT_CONTRACT", "")  # the network's own; another one is refused at start
# Empty only until `manage.py treasury create` has told it; nothing is released or signed without it.
TREASURY_ADDRESS = env.text("TREASURY_ADDRESS", "")
# The file's name stands here; the signer alone opens it.
TREASURY_KEY_FILE = env.secret_file("TREASURY_KEY_FILE", env.secret_file("TRON_PRIVATE_KEY_FILE"))
TREASURY_PASSWORD_FILE = env.secret_file("TREASURY_PASSWORD_FILE")
# Instead of the key file: a key inside an HSM. The token by label or serial number, the key by label.
TREASURY_PKCS11_MODULE = env.text("TREASURY_PKCS11_MODULE", "")
TREASURY_PKCS11_TOKEN = env.text("TREASURY_PKCS11_TOKEN", "")
TREASURY_PKCS11_KEY = env.text("TREASURY_PKCS11_KEY", "")
TREASURY_PIN_FILE = env.secret_file("TREASURY_PIN_FILE")
# Around a rotation: the key that pays next, and, once it does, the one before it, for what of it is still under way.
TREASURY_OTHER_ADDRESS = env.text("TREASURY_OTHER_ADDRESS", "")
TREASURY_OTHER_KEY_FILE = env.secret_file("TREASURY_OTHER_KEY_FILE")
TREASURY_OTHER_PASSWORD_FILE = env.secret_file("TREASURY_OTHER_PASSWORD_FILE")
TREASURY_OTHER_PKCS11_KEY = env.text("TREASURY_OTHER_PKCS11_KEY", "")
SIGNER_JOURNAL_FILE = env.text("SIGNER_JOURNAL_FILE", "")
SIGNER_DAILY_CAP = env.usdt("SIGNER_DAILY_CAP", 15_000_000_000)
SIGNER_HOURLY_CAP = env.usdt("SIGNER_HOURLY_CAP", 1_500_000_000)
FEE_LIMIT_CAP_TRX = env.integer("FEE_LIMIT_CAP_TRX", 30, minimum=1, maximum=15_000)
RUNWAY_ALARM_HOURS = env.integer("RUNWAY_ALARM_HOURS", 24, minimum=1, maximum=720)
REPORT_KEEP_DAYS = env.integer("REPORT_KEEP_DAYS", 30, minimum=1, maximum=3_650)
# Kept for whoever must look into a payout; nothing is judged by them.
NODE_ANSWER_KEEP_DAYS = env.integer("NODE_ANSWER_KEEP_DAYS", 90, minimum=30, maximum=3_650)
RETRY_BASE_SECONDS = env.integer("RETRY_BASE_SECONDS", 60, minimum=1, maximum=86_400)

# --- Tor --------------------------------------------------------------------------------------------------
# The one way out: in staging and production everything goes through it (`outgoing`), or not at all.
TOR_PROXY = env.url("TOR_PROXY", "", schemes=("socks5h",))
# tor's state folder, with a folder for each onion service; `manage.py onion` alone needs it.
ONION_FOLDER = env.text("ONION_FOLDER", "/var/lib/lucid/tor" if IS_LIVE else "")
TOR_METRICS_URL = env.url(
    "TOR_METRICS_URL", "http://127.0.0.1:9035/metrics" if IS_LIVE else "", schemes=("http",)
)

# --- KYC --------------------------------------------------------------------------------------------------
# What a request asks the authority to attest, until the authority says otherwise (base units).
ATTESTATION_DAYS = env.integer("ATTESTATION_DAYS", 365, minimum=1, maximum=1_100)
ATTESTED_PER_PAYOUT = env.usdt("ATTESTED_PER_PAYOUT", 500_000_000)
ATTESTED_DAILY = env.usdt("ATTESTED_DAILY", 1_500_000_000)
ATTESTED_MONTHLY = env.usdt("ATTESTED_MONTHLY", 15_000_000_000)

# --- Limits (base units): the first versions of the policies; from then on the back office changes them --------
CIRCUIT_BREAKER_DAILY_LIMIT = env.usdt("CIRCUIT_BREAKER_DAILY_LIMIT", 10_000_000_000)
CIRCUIT_BREAKER_HOURLY_LIMIT = env.usdt("CIRCUIT_BREAKER_HOURLY_LIMIT", 1_000_000_000)
IN_FLIGHT_CAP = env.integer("IN_FLIGHT_CAP", 10, minimum=1, maximum=100_000)
END_USER_DAILY_LIMIT = env.usdt("END_USER_DAILY_LIMIT", 200_000_000)
NODE_OPERATOR_DAILY_LIMIT = env.usdt("NODE_OPERATOR_DAILY_LIMIT", 1_000_000_000)
SERVICE_DAILY_LIMIT = env.usdt("SERVICE_DAILY_LIMIT", 8_000_000_000)
V0_PAYOUT_MAXIMUM = env.usdt("V0_PAYOUT_MAXIMUM", 200_000_000)
V0_HOURLY_LIMIT = env.usdt("V0_HOURLY_LIMIT", 400_000_000)
V0_DAILY_LIMIT = env.usdt("V0_DAILY_LIMIT", 4_000_000_000)
V0_RECIPIENT_DAILY_LIMIT = env.usdt("V0_RECIPIENT_DAILY_LIMIT", 300_000_000)
V0_IN_FLIGHT_CAP = env.integer("V0_IN_FLIGHT_CAP", 5, minimum=1, maximum=100_000)
KYC_PAYOUT_MAXIMUM = env.usdt("KYC_PAYOUT_MAXIMUM", 1_000_000_000)
KYC_HOURLY_LIMIT = env.usdt("KYC_HOURLY_LIMIT", 1_000_000_000)
KYC_DAILY_LIMIT = env.usdt("KYC_DAILY_LIMIT", 10_000_000_000)
KYC_RECIPIENT_DAILY_LIMIT = env.usdt("KYC_RECIPIENT_DAILY_LIMIT", 3_000_000_000)
KYC_IN_FLIGHT_CAP = env.integer("KYC_IN_FLIGHT_CAP", 10, minimum=1, maximum=100_000)
# A payout above so many times its creator's largest in thirty days is shown to staff; it isn't held.
UNUSUAL_TIMES = env.integer("UNUSUAL_TIMES", 10, minimum=2, maximum=1_000_000)
# Whether one administrator alone may let one hour take more, once in 24 hours.
BREAK_GLASS = env.boolean("BREAK_GLASS", False)
# What 00:00 UTC makes of an open error breaker whose cool-down is over.
BREAKER_MIDNIGHT = env.choice("BREAKER_MIDNIGHT", ("half_open", "closed"), "half_open")

# --- KYC (compliance.md): how long what may take, and for how long a decision holds ------------------------------
# How long a new wallet, or a new address that is paid much, waits before money goes there.
COOLING_OFF_HOURS = env.integer("COOLING_OFF_HOURS", 24, minimum=1, maximum=720)
# Above this a payout to an address that is new to us waits for the cooling-off time (base units).
NEW_ADDRESS_LIMIT = env.usdt("NEW_ADDRESS_LIMIT", 200_000_000)
KYC_LEASE_MINUTES = env.integer("KYC_LEASE_MINUTES", 30, minimum=1, maximum=480)
KYC_REVIEW_HOURS = env.integer("KYC_REVIEW_HOURS", 72, minimum=1, maximum=2_160)
KYC_ANSWER_DAYS = env.integer("KYC_ANSWER_DAYS", 14, minimum=1, maximum=180)
KYC_MONTHS_LOW_RISK = env.integer("KYC_MONTHS_LOW_RISK", 36, minimum=1, maximum=120)
KYC_MONTHS_MEDIUM_RISK = env.integer("KYC_MONTHS_MEDIUM_RISK", 24, minimum=1, maximum=120)
KYC_MONTHS_HIGH_RISK = env.integer("KYC_MONTHS_HIGH_RISK", 12, minimum=1, maximum=120)
KYC_EXPIRING_DAYS = env.integer("KYC_EXPIRING_DAYS", 30, minimum=1, maximum=365)
KYC_RETENTION_YEARS = env.integer("KYC_RETENTION_YEARS", 5, minimum=1, maximum=30)
# Sanctions lists that must be in force and fresh (`kyc.screening.sources`); the signer obeys its own setting.
SCREENING_LISTS: list[Any] = list(env.json_list("SCREENING_LISTS", ()))
# Outside providers (`kyc.providers`): offline asks nobody.
CHAIN_ANALYTICS_PROVIDER = env.choice("CHAIN_ANALYTICS_PROVIDER", ("offline", "recording"), "offline")
PEP_PROVIDER = env.choice("PEP_PROVIDER", ("offline", "recording"), "offline")
TRAVEL_RULE_PROVIDER = env.choice("TRAVEL_RULE_PROVIDER", ("offline", "recording"), "offline")
# From this on a payout's message must have been taken before it goes (base units).
TRAVEL_RULE_FROM = env.usdt("TRAVEL_RULE_FROM", 1_000_000_000)
PROVIDER_RECORDINGS = env.text("PROVIDER_RECORDINGS", "")

# --- API --------------------------------------------------------------------------------------------------
# The door in front of it (`lucid_payments.gateway`): where it listens, and its limits a minute, on top of the API's.
# Above whatever a client can be given here: they are for floods.
GATEWAY_TOKEN, GATEWAY_TOKENS_BEFORE = env.changing_secret("GATEWAY_TOKEN", "")
GATEWAY_BIND = env.text("GATEWAY_BIND", "127.0.0.1:8080")
GATEWAY_API_SOCKET = env.text("GATEWAY_API_SOCKET", "/run/lucid/gateway/api.sock")
GATEWAY_ADMIN_SOCKET = env.text("GATEWAY_ADMIN_SOCKET", "/run/lucid/gateway/admin.sock")
GATEWAY_METRICS_SOCKET = env.text("GATEWAY_METRICS_SOCKET", "/run/lucid/figures/gateway.sock")
GATEWAY_SUBJECT_PER_MINUTE = env.integer("GATEWAY_SUBJECT_PER_MINUTE", 3_000, minimum=1, maximum=1_000_000)
GATEWAY_CLIENT_PER_MINUTE = env.integer("GATEWAY_CLIENT_PER_MINUTE", 3_000, minimum=1, maximum=1_000_000)
GATEWAY_REFUSED_PER_MINUTE = env.integer("GATEWAY_REFUSED_PER_MINUTE", 60, minimum=1, maximum=1_000_000)
WEB_SOCKET = env.text("WEB_SOCKET", "/run/lucid/web/web.sock")
CORS_ALLOWED_ORIGINS = env.comma_list("CORS_ALLOWED_ORIGINS", ())
# Deliveries that have ended, with their tries; the events stay.
DELIVERY_KEEP_DAYS = env.integer("DELIVERY_KEEP_DAYS", 90, minimum=7, maximum=3_650)
# What the secrets of webhooks follow from.
WEBHOOK_KEY, WEBHOOK_KEYS_BEFORE = env.changing_secret("WEBHOOK_KEY")
# For trying webhooks on one's own machine: http, and addresses that aren't public.
WEBHOOK_PRIVATE_TARGETS = env.boolean("WEBHOOK_PRIVATE_TARGETS", False)
JWT_KEYS_DIR = env.text("JWT_KEYS_DIR")
JWT_ALGORITHM = env.text("JWT_ALGORITHM", "RS256")
JWT_ISSUER = env.text("JWT_ISSUER", "lucid-payments")
JWT_AUDIENCE = env.text("JWT_AUDIENCE", "lucid-payments")
# Whose tokens are believed beside our own, by the keys of which file (`accounts.issuers`).
JWT_OUTSIDE_ISSUERS: list[Any] = list(env.json_list("JWT_OUTSIDE_ISSUERS", ()))
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=1)
RATE_LIMIT_FACTOR = env.integer("RATE_LIMIT_FACTOR", 1, minimum=1, maximum=1_000_000)
# A machine's script that has lost its way makes this many offences in ten minutes; a person doesn't.
OFFENCES_BEFORE_BLOCK = env.integer("OFFENCES_BEFORE_BLOCK", 30, minimum=3, maximum=10_000)
# Long enough to make guessing pointless, short enough for a mistake; twice as long with each in a week, at most a day.
FIRST_BLOCK_MINUTES = env.integer("FIRST_BLOCK_MINUTES", 5, minimum=1, maximum=1_440)
# Of everybody who comes without a circuit together: ten a second, above which the alarm for them goes off.
FAILED_AUTHENTICATIONS_PER_MINUTE = env.integer(
    "FAILED_AUTHENTICATIONS_PER_MINUTE", 600, minimum=10, maximum=1_000_000
)
# How long a process may estimate by the queue as it last read it; 0: it reads it for every estimate.
ESTIMATE_SECONDS = env.integer("ESTIMATE_SECONDS", 2, minimum=0, maximum=60)
API_PREFIX = "api/payment/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes of a body; what is longer is answered 413
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["lucid_payments.accounts.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["lucid_payments.api.permissions.Allowed"],
    "DEFAULT_THROTTLE_CLASSES": ["lucid_payments.api.throttles.ContractThrottle"],
    "DEFAULT_PARSER_CLASSES": ["lucid_payments.api.json_format.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["lucid_payments.api.json_format.ExactJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "lucid_payments.api.openapi.operations.ContractSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "lucid_payments.api.error_shape.handle",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Lucid Payments",
    "VERSION": VERSION,
    # Docstrings are for who reads the code.
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATION_PARAMETERS": False,
    "SCHEMA_PATH_PREFIX": f"/{API_PREFIX}",
    "POSTPROCESSING_HOOKS": ["lucid_payments.api.openapi.document.complete"],
    # It has tests of its own; its warnings aren't about a deployment.
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}
SIMPLE_JWT = {
    "ALGORITHM": JWT_ALGORITHM,
    "ISSUER": JWT_ISSUER,
    "AUDIENCE": JWT_AUDIENCE,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFETIME,
    "AUTH_TOKEN_CLASSES": ["lucid_payments.accounts.tokens.AccessToken"],
    "TOKEN_TYPE_CLAIM": "typ",
    "USER_ID_FIELD": "public_id",
    "USER_ID_CLAIM": "sub",
}
CORS_URLS_REGEX = r"^/api/payment/"
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    "X-Request-ID",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-RateLimit-Retry-After",
    "Retry-After",
    "Idempotent-Replayed",
]

# --- Operating --------------------------------------------------------------------------------------------
# Empty: `GET /metrics` is for this machine alone; else whoever shows it as a bearer token may read it.
METRICS_TOKEN, METRICS_TOKENS_BEFORE = env.changing_secret("METRICS_TOKEN", "")
# The library reads it by itself, before anything is counted; it stands here to be checked.
METRICS_FOLDER = env.path("PROMETHEUS_MULTIPROC_DIR", None, must_exist=True)
# Folders in which other processes count, each as its own user or in its own container; added to the one above.
METRICS_FOLDERS = env.comma_list("METRICS_FOLDERS", ())
# What `watch` tells of: disks by a path on each, the backup scripts' file, an operator's own certificates, old keys.
WATCHED_PATHS = env.comma_list("WATCHED_PATHS", ("/",))
BACKUP_STATE_FILE = env.text("BACKUP_STATE_FILE", "")
TLS_CERTIFICATE_FILES = env.comma_list("TLS_CERTIFICATE_FILES", ())
KEY_ROTATION_DAYS = env.integer("KEY_ROTATION_DAYS", 365, minimum=1, maximum=3_650)
# Called every minute while payouts could go out: whoever misses the call knows that this machine is dead.
HEARTBEAT_URL = env.url("HEARTBEAT_URL", "")
LOG_LEVEL = env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOGGING = logs.configuration(LOG_LEVEL, as_json=IS_LIVE, to_stdout=logs.is_process(sys.argv[0]))
# What every admin page says about where one is; production says nothing.
BANNER = env.text("BANNER", BANNERS[LUCID_ENV])
# Mail that tells people that something waits for them; without a server none is sent.
EMAIL_BACKEND = "lucid_payments.outgoing_mail.TorEmailBackend"
EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1, maximum=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 30  # seconds: a circuit is made first
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "lucid-payments@localhost")
# Where demo and test look at each of the fault seam's points for an order (`seam`); refused elsewhere.
FAULT_POINTS_FOLDER = env.text("FAULT_POINTS_FOLDER", "")
# The key that signs the audit chain's head; empty: no head is signed.
AUDIT_SEAL_KEY_FILE = env.secret_file("AUDIT_SEAL_KEY_FILE")
# The Ed25519 key that signs the head once a day, for publishing; its public half stands beside it (.pub).
AUDIT_HEAD_KEY_FILE = env.text("AUDIT_HEAD_KEY_FILE", "")

# --- Personal data ----------------------------------------------------------------------------------------
# The ring of keys under which it is stored (`manage.py vaultkeys`); empty: none is stored or read.
KYC_KEYS_FILE = env.text("KYC_KEYS_FILE", "")
# What a document may be at most; a picture is refused before it is decoded.
KYC_DOCUMENT_MAX_MB = env.integer("KYC_DOCUMENT_MAX_MB", 10, minimum=1, maximum=100)
KYC_DOCUMENT_MAX_MEGAPIXELS = env.integer("KYC_DOCUMENT_MAX_MEGAPIXELS", 60, minimum=1, maximum=400)
KYC_DOCUMENT_MAX_PAGES = env.integer("KYC_DOCUMENT_MAX_PAGES", 20, minimum=1, maximum=200)
