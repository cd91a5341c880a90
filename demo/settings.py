"""Settings of the demo site, for a local machine.

Environment variables that change them:

* ``DEMO_DATABASE``: the SQLite file (``db.sqlite3`` in the project's root); log and mail are kept beside it.
* ``DEMO_DEBUG``: 0 turns DEBUG off.
* ``DEMO_SECRET_KEY``: instead of the key in the file next to the database.
* ``DEMO_ALLOWED_HOSTS``: host names, separated by commas, in addition to those of this machine.
* ``DEMO_LOG_LEVEL``: the level of the lines on the console (INFO).
* ``DEMO_STORE``: the store of the monitor, as in ``SIGNAL_MONITOR["STORE"]``.
* ``DEMO_BROKER_DIR``: where the task queue keeps its messages (``.celery`` in the project's root).
* ``CELERY_BROKER_URL``: another broker instead of that directory, such as ``redis://localhost:6379/0``.
* ``OMDB_API_KEY``: search for movies at OMDb instead of in the bundled catalogue.
* ``DEMO_TRACE_URL``: the address of a trace, as in ``SIGNAL_MONITOR["TRACE_URL"]``.
* ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the other standard ones: where to send traces, and, with
  ``OTEL_METRICS_EXPORTER=otlp``, metrics; ``demo.telemetry`` has the demo's defaults.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import django

from demo import broker, secret_key, telemetry
from demo.pitfalls.routers import ENROLMENTS

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE = Path(os.environ.get("DEMO_DATABASE", BASE_DIR / "db.sqlite3"))
IN_MEMORY = str(DATABASE) == ":memory:"
OUTPUT_DIRECTORY = Path(tempfile.gettempdir()) if IN_MEMORY else Path(f"{DATABASE}.output")
LOG_DIRECTORY = OUTPUT_DIRECTORY / "log"

DEBUG = os.environ.get("DEMO_DEBUG", "1").lower() not in {"", "0", "false", "no", "off"}
SECRET_KEY = os.environ.get("DEMO_SECRET_KEY") or secret_key.read_or_make(Path(f"{DATABASE}.secret_key"))
ALLOWED_HOSTS = [
    ".localhost",
    "127.0.0.1",
    "[::1]",
    *filter(None, os.environ.get("DEMO_ALLOWED_HOSTS", "").split(",")),
]

INSTALLED_APPS = [
    "daphne",
    "signal_monitor",
    "demo.home",
    "demo.todos",
    "demo.accounts",
    "demo.authenticate",
    "demo.admissions",
    "demo.marketing",
    "demo.application",
    "demo.movies",
    "demo.blocking",
    "demo.pitfalls",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "rest_framework",
]

MIDDLEWARE = [
    "signal_monitor.middleware.SignalMonitorMiddleware",
    "demo.middleware.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "demo.urls"
ASGI_APPLICATION = "demo.asgi.application"
WSGI_APPLICATION = "demo.wsgi.application"

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
            ],
        },
    },
]

# Several processes write: readers do not wait for them (WAL), and a transaction takes the lock when it begins,
# because SQLite fails without waiting if a transaction that has read begins to write.
SQLITE: dict[str, Any] = {
    "ENGINE": "demo.database",
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
}
DATABASES: dict[str, dict[str, Any]] = {
    "default": {**SQLITE, "NAME": DATABASE},
    # One of the pitfalls keeps a transaction open for long.
    ENROLMENTS: {**SQLITE, "NAME": DATABASE if IN_MEMORY else f"{DATABASE}.enrolments"},
}
DATABASE_ROUTERS = ["demo.pitfalls.routers.EnrolmentRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "accounts:profile"
LOGOUT_REDIRECT_URL = "home:index"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Mail and log lines go to the console, and to files, which the page "Log" shows. Django 6.0 and 6.1 have renamed the
# settings.
MAIL_BACKEND = "demo.home.mail.EmailBackend"
MAIL_DIRECTORY = OUTPUT_DIRECTORY / "mail"
SERVER_EMAIL = DEFAULT_FROM_EMAIL = "demo@example.org"
ADMINS: list[Any] = ["admin@example.org"] if django.VERSION >= (6, 0) else [("Admin", "admin@example.org")]
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": MAIL_BACKEND, "OPTIONS": {"file_path": str(MAIL_DIRECTORY)}}}
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = MAIL_BACKEND, str(MAIL_DIRECTORY)

REST_FRAMEWORK = {
    # JSON only: the Content-Security-Policy forbids the inline scripts of the browsable API.
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or f"{broker.SCHEME}://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    broker.options(Path(os.environ.get("DEMO_BROKER_DIR", BASE_DIR / ".celery")))
    if CELERY_BROKER_URL.startswith(f"{broker.SCHEME}:")
    else {}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# One message at a time, and no control messages, which would accumulate in the directory.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
# Tasks store their results in the tables of their apps.
CELERY_TASK_IGNORE_RESULT = True
# The worker uses Django's LOGGING, too.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Mail is printed to the console unchanged.
CELERY_WORKER_REDIRECT_STDOUTS = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "level": os.environ.get("DEMO_LOG_LEVEL", "INFO"),
        },
        "file": {
            "class": "demo.home.output.LogFileHandler",
            "formatter": "line",
            "filename": LOG_DIRECTORY / f"{os.environ.get('DEMO_PROCESS', 'site')}.log",
        },
    },
    "loggers": {"django": {"handlers": []}, "demo": {"level": "INFO", "handlers": [] if IN_MEMORY else ["file"]}},
    "root": {"handlers": ["console"]},
}

SIGNAL_MONITOR = {
    "STORE": os.environ.get("DEMO_STORE", "sqlite"),
    # All dispatches of the demo, even if every button is pressed at once.
    "SAMPLE_PER_SECOND": 200,
    "TRACE_URL": telemetry.trace_url(),
}
