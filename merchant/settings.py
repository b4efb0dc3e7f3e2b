"""Every setting of a deployment. Values come from the environment; ``.env.example`` explains each one."""

from pathlib import Path
from typing import Any

import environ
import structlog

from merchant import embedded
from merchant.logs import without_secrets

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(env.str("FRONTROW_ENV_FILE", default=str(BASE_DIR / ".env")))

# --- where it runs -----------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("FRONTROW_DEMO", default=False)  # only shows hints (test cards, demo logins); changes no rule
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PORT = env.int("PORT", default=8000)
PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
LIVE_URL = env.str("LIVE_URL", default=f"http://127.0.0.1:{PORT + 1}").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
SERVICE_WORKER = env.bool("SERVICE_WORKER", default=True)  # off: devices forget the pages they kept
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)  # how many reverse proxies of ours stand before us
# The place of who asks, for advice: a header that our proxy sets ("DE", "US-CA"), or a MaxMind file; else unknown.
PLACE_HEADER = env.str("PLACE_HEADER", default="")
PLACE_DATABASE = env.str("PLACE_DATABASE", default="")

# --- the truth and the wake-up call --------------------------------------------------------------
DATABASE_URL = env.str("DATABASE_URL", default="") or embedded.database_url()
REDIS_URL = env.str("REDIS_URL", default="") or embedded.redis_url()
REDIS_PREFIX = env.str("REDIS_PREFIX", default="frontrow:")
DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=0)  # 0: one connection a thread, kept open
# Statements that come often are planned once a connection. Off behind PgBouncer before 1.21 in transaction mode.
DATABASE_PREPARE = env.bool("DATABASE_PREPARE", default=True)
_PREPARED = {"server_side_binding": True, "prepare_threshold": 5} if DATABASE_PREPARE else {}
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "ENGINE": "merchant.database",
    "CONN_MAX_AGE": 0 if DATABASE_POOL_SIZE else None,
    "CONN_HEALTH_CHECKS": True,
    # Beside what the address itself asks for, such as ?sslmode=require or ?host=/a/unix/socket.
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})
    | _PREPARED
    | ({"pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 5}} if DATABASE_POOL_SIZE else {}),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the payment provider -------------------------------------------------------------------------
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=[])  # several while one is being rotated out
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
STRIPE_JS_URL = env.str("STRIPE_JS_URL", default="https://js.stripe.com/v3/")
STRIPE_API_VERSION = "2026-10-28.endive"  # the version the pinned SDK speaks
STRIPE_TIMEOUT_SECONDS = env.float("STRIPE_TIMEOUT_SECONDS", default=10.0)
STRIPE_TAX_TIMEOUT_SECONDS = env.float("STRIPE_TAX_TIMEOUT_SECONDS", default=2.0)  # then the shop's own table counts
STRIPE_SLOW_SECONDS = env.float("STRIPE_SLOW_SECONDS", default=5.0)  # an answer slower than that counts as a failure
STRIPE_CALLS_PER_SECOND = env.int("STRIPE_CALLS_PER_SECOND", default=20)  # of each operation, by all processes
STRIPE_CALLS_PER_SECOND_IN_ALL = env.int("STRIPE_CALLS_PER_SECOND_IN_ALL", default=80)
STRIPE_BUDGET_WAIT_SECONDS = env.float("STRIPE_BUDGET_WAIT_SECONDS", default=2.0)  # then the order is deferred
PAYMENT_THREADS = env.int("PAYMENT_THREADS", default=48)  # payments at once in one worker process
PAYMENT_LEASE_SECONDS = env.float("PAYMENT_LEASE_SECONDS", default=60.0)  # then a dead worker's order is another's
# Against card testing. Only what a bank refused counts for an address and for a card.
CARDS_PER_ORDER = env.int("CARDS_PER_ORDER", default=8)
REFUSALS_PER_ADDRESS_AN_HOUR = env.int("REFUSALS_PER_ADDRESS_AN_HOUR", default=20)
NEWS_PER_ADDRESS_AN_HOUR = env.int("NEWS_PER_ADDRESS_AN_HOUR", default=20)  # of policy changes; each is a mail
SIGN_UPS_PER_ADDRESS_AN_HOUR = env.int("SIGN_UPS_PER_ADDRESS_AN_HOUR", default=60)  # for a drop's news; each is a mail
JOINS_PER_ADDRESS_AN_HOUR = env.int("JOINS_PER_ADDRESS_AN_HOUR", default=60)  # of waiting lists; a venue is one address
REFUSALS_PER_CARD_AN_HOUR = env.int("REFUSALS_PER_CARD_AN_HOUR", default=10)

# --- applications -----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "anymail",
    "csp",
    "corsheaders",
    "django_htmx",
    "django_structlog",
    "ninja",  # its API page then loads its files from here, not from a CDN
    "pgtrigger",
    "merchant",
    "policies",
    "segments",
    "drops",
    "checkout",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "merchant.middleware.TwoPolicies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "merchant.middleware.RequestId",
    "merchant.middleware.ShopTime",
    "merchant.middleware.ApiOrigins",
    "checkout.rate_limits.RateLimits",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # The rest is for staff and passes guests by: a page of a drop needs no session.
    "merchant.middleware.StaffSession",
    "merchant.middleware.StaffAuthentication",
    "merchant.middleware.StaffMessages",
    "merchant.middleware.StaffThrottle",
]
ROOT_URLCONF = "merchant.urls"
WSGI_APPLICATION = "merchant.wsgi.application"
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
                "merchant.context.shop",
            ],
            "builtins": ["merchant.templatetags.shop"],
        },
    }
]

# --- words, times, files ----------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / ".frontrow" / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(BASE_DIR / ".frontrow" / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": env.str("STATIC_STORAGE", default="merchant.static_files.HashedModules")},
}

# --- staff sign-in ------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXIES
AXES_LOCKOUT_TEMPLATE = "merchant/locked_out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False  # its greeting is printed by every command otherwise

# --- the merchant's desk ------------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "merchant.navigation.shop_name",
    "SITE_HEADER": "merchant.navigation.shop_name",
    "SITE_SYMBOL": "storefront",
    "LOGIN": {"form": "merchant.sign_in.SignInForm"},
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "sizes": "any", "href": "merchant.navigation.icon"}],
    "SHOW_BACK_BUTTON": False,
    "SHOW_HISTORY": False,  # the journal says who did what, in the shop's words
    "ENVIRONMENT": "merchant.navigation.environment",
    "DASHBOARD_CALLBACK": "merchant.dashboard.today",
    "STYLES": ["merchant.navigation.stylesheet"],
    "SIDEBAR": {"navigation": "merchant.navigation.sidebar"},
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": {
            "50": "#faf9f7",
            "100": "#f3f1ee",
            "200": "#e6e2dc",
            "300": "#d2ccc3",
            "400": "#a59d92",
            "500": "#746c62",
            "600": "#575048",
            "700": "#433d37",
            "800": "#2b2723",
            "900": "#1c1917",
            "950": "#12100e",
        },
        "primary": {
            "50": "#fbf3f0",
            "100": "#f6e3dd",
            "200": "#ecc7bc",
            "300": "#dfa391",
            "400": "#cd7d66",
            "500": "#b45b44",
            "600": "#97452f",
            "700": "#7d3727",
            "800": "#672f23",
            "900": "#562a21",
            "950": "#2f130e",
        },
    },
}

# --- safety of pages ------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
# Never tells another site an order's address. Not "no-referrer": with it a browser posts our forms with "Origin: null",
# which the CSRF check has to refuse.
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_PATH = "/admin/"
CSRF_FAILURE_VIEW = "merchant.errors_pages.form_too_old"
CSRF_COOKIE_HTTPONLY = False
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
_PAYMENT = [STRIPE_JS_URL.split("/", 3)[0] + "//" + STRIPE_JS_URL.split("/", 3)[2]]
_STRIPE = (
    ["https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"]
    if "stripe.com" in STRIPE_JS_URL
    else []
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", *_PAYMENT],
        "style-src": ["'self'", *([] if _STRIPE else _PAYMENT)],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'", LIVE_URL, *(["https://api.stripe.com"] if _STRIPE else _PAYMENT)],
        "frame-src": _STRIPE or _PAYMENT,
        "worker-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'", *(["https://checkout.stripe.com"] if _STRIPE else _PAYMENT)],
        "frame-ancestors": ["'none'"],
    }
}
ADMIN_CONTENT_SECURITY_POLICY = {
    "default-src": ["'self'"],
    "script-src": ["'self'", "'unsafe-eval'", "'unsafe-inline'"],  # Unfold's Alpine evaluates its attributes
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'self'"],
}

# --- the API at other origins (which ones: the merchant says so in the shop's profile) ---------------------
CORS_ALLOW_METHODS = ["GET", "POST", "PUT", "DELETE"]
CORS_ALLOW_HEADERS = ["authorization", "content-type", "idempotency-key", "x-drop-pass"]
CORS_EXPOSE_HEADERS = ["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"]
CORS_PREFLIGHT_MAX_AGE = 7200  # seconds; no browser keeps an answer for longer
# Requests in a minute, to all processes; 0: not counted. One address may be a whole venue, or a mobile network.
API_REQUESTS_PER_ADDRESS = env.int("API_REQUESTS_PER_ADDRESS", default=3000)
API_REQUESTS_PER_TOKEN = env.int("API_REQUESTS_PER_TOKEN", default=300)  # of one cart, order or waiting place

# --- workers ---------------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT = "merchant.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 1,
    "max_retries": 0,  # of a connection, when publishing: kombu would try for seconds, in a fan's request
    "global_keyprefix": REDIS_PREFIX,
    "visibility_timeout": 3600,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for Redis as long as it takes
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"

# --- e-mail ------------------------------------------------------------------------------------------------
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")
vars().update(env.email_url_config(env.str("EMAIL_URL"))) if env.str("EMAIL_URL", default="") else None
ANYMAIL = env.dict("ANYMAIL", default={})
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="shop@example.com")
EMAIL_TIMEOUT = 10

# --- figures: /metrics answers this machine, and who sends this as a bearer token ---------------------------------
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- logs ----------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.dev.ConsoleRenderer(colors=False)
            if DEBUG or DEMO
            else structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                without_secrets,
                structlog.processors.TimeStamper(fmt="iso"),
                # The console shows a traceback by itself; a JSON line needs it as text.
                *([] if DEBUG or DEMO else [structlog.processors.format_exc_info]),
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A refusal (4xx) is an answer, not news: a sold-out drop gives thousands of them in a second.
    "loggers": {"django.request": {"level": "ERROR"}},
}
# Our StaffThrottle is its middleware, for the staff's pages alone.
SILENCED_SYSTEM_CHECKS = ["axes.W002"]
