"""What is taken for a secret, what is not, and that no record, span, page or log has one."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.dispatch import Signal
from pytest_django.fixtures import Settings

from signal_monitor.pipeline.process import title
from signal_monitor.scrubbing import Scrubber, configure_scrubbing, scrub, scrub_arguments
from signal_monitor.secret_forms import MASK
from signal_monitor.testing import capture_dispatches
from signal_monitor.text import MAX_LENGTH
from tests.dashboard.websocket import WebSocket
from tests.support.servers import Site, wait_until
from tests.telemetry.conftest import provide, spans
from tests.telemetry.providing import Spans

__all__ = ["provide", "spans"]

SECRET = "hunter2"

NAMED = [
    "password=hunter2",
    "password: hunter2",
    "PASSWORD = 'hunter2'",
    "{'password': 'hunter2', 'user': 'bob'}",
    '{"password": "a\\"hunter2", "a": 1}',
    '{\\"password\\": \\"hunter2\\"}',
    "db_password=hunter2&x=1",
    "newPassword2=hunter2",
    "GET https://api.example/v1?api_key=hunter2&x=1",
    "url: /?token=hunter2",
    "token%3Dhunter2",
    "API key: hunter2",
    "X-Api-Key: hunter2",
    "Authorization: Bearer a hunter2",
    "Authorization: Digest username=bob, response=hunter2",
    "{'Authorization': 'Basic hunter2'}",
    "('Authorization', 'Bearer hunter2')",
    "(b'cookie', b'sessionid=hunter2')",
    "Cookie: a=b; c=hunter2",
    "csrfmiddlewaretoken=hunter2",
    "key=hunter2",
    "AWS_SECRET_ACCESS_KEY=hunter2",
    "aws_access_key_id: hunter2",
    "accessToken: hunter2",
    "Key (token)=(hunter2) already exists.",
    "f(secret=b'hunter2')",
    "secret=SecretBytes(b'hunter2')",
    "password -> 'hunter2'",
    "the password was: hunter2",
    "Incorrect API key provided: hunter2",
    "refresh_token\thunter2",
    "%22password%22%3A%22hunter2%22",
    "next=%2Fx%3Ftoken%3Dhunter2",
    "X-Amz-Signature: hunter2",
    "WHERE token IN ('hunter2', 'b')",
    "WHERE token LIKE 'hunter2%'",
    "INSERT INTO auth_user (name, password) VALUES ('bob', 'hunter2')",
    "Duplicate entry 'hunter2' for key 'shop_key.api_key_uniq'",
    "Failing row contains (1, bob, hunter2, null).",
    '<token value="hunter2"/>',
    '<input type="text" name="password" value="hunter2">',
    "['sshpass', '-p', 'hunter2', 'ssh', 'host']",
    "redis-cli -h cache -a hunter2 ping",
    "docker login -u bob -p hunter2 registry.example",
    "openssl rsa -passin pass:hunter2",
    "'tokens': 'x', 'private_key': 'hunter2'",
    "password=a,hunter2;hunter2&hunter2",
    "password == 'hunter2'",
    "password => hunter2",
    "Invalid password 'hunter2'",
    "Invalid token hunter2",
    "the password is hunter2",
    "its token was 'hunter2'",
    "Cookie: https://a:b@c; c=hunter2",
    "<password>hunter2</password>",
    "psql --password hunter2",
    "['psql', '--password', 'hunter2']",
    "PGPASSWORD=hunter2 psql",
    "mysql -u root -phunter2 db",
    "curl -u bob:hunter2 https://api.example",
    "postgres://bob:hunter2@db/shop",
    "postgres://bob:a@hunter2@db/shop",
    "redis://:hunter2@cache:6379/0",
    "amqp://bob:a/b#hunter2@mq",
]
FORMS = [
    "Bearer abcdef123456",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def-ghi",
    "4111111111111111",
    "4111-1111-1111-1111",
    "5500 0000 0000 0004",
    "378282246310005",
    "sk_live_abc123",
    "rk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "ghp_abcdefghijklmnopqrst123456",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-123456-abcdef",
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nabc",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc\n-----END PGP PRIVATE KEY BLOCK-----",
    "4111.1111.1111.1111",
    "hvs.CAESIabcdefghij123",
    "dckr_pat_abcdefghij123456",
    "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",
    "GOCSPX-abcdefghij123456",
    "1//0gabcdefghij1234567890",
    "bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
    "pbkdf2_sha256$600000$abc$def=",
    "abc123-0123456789abcdef0123456789abcdef",
    "MQ:1oXxYz:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
]
INNOCENT = [
    "monkey",
    "'monkey'",
    "KeyError: 'monkey'",
    "no such key",
    "Missing key: name",
    "key 'name' not found",
    "keyboard=5, turkey=6, author=bob, compass=north, passenger=7, secretary: Eve, cardinality=8",
    "primary_key=True",
    "cache_key=user:5",
    "Key (email)=(a@b.example) already exists.",
    "This password is too short. It must contain at least 8 characters.",
    "password: This field is required.",
    "{'password': ['This field is required.']}",
    'password authentication failed for user "bob"',
    "Access denied for user 'bob'@'db' (using password: YES)",
    "password=None",
    "max_tokens=100, token_type=bearer, password_field=x",
    "Basic authentication is required",
    "Token authentication",
    "token has expired",
    'column "token" does not exist',
    "unexpected keyword arguments 'password', 'username'",
    "missing 3 required arguments: 'password', 'email', and 'x'",
    "--password is required",
    "django.contrib.auth: no such app",
    "order 1234567890123 not found",
    "article 5901234123457 is out of stock",
    "2026-11-26 21:45:39,123",
    "12345678-1234-4123-8123-123456789012",
    "http://host:8000/path?email=a@b.example",
    "ssh://git@github.com/x",
    "/token/refresh/",
    "/api/v1/items/12345678/",
    "docker run -p 8080:80 nginx",
    "redis-cli -p 6379 ping",
    "token -> lexer",
    "by-pass:road",
    "SELECT password FROM auth_user WHERE id IN ('1', '2')",
    "INSERT INTO shop_order (number, total) VALUES ('12', 'x')",
    "Duplicate entry 'bob' for key 'shop_user.email'",
    '<input name="email" value="a@b.example">',
    "password in request.POST",
    "took 4.111111111111111 s",
]


@pytest.mark.parametrize("text", NAMED)
def test_value_of_a_secret_name_is_scrubbed(text: str) -> None:
    scrubbed = scrub(text)
    assert SECRET not in scrubbed
    assert MASK in scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize("secret", FORMS)
@pytest.mark.parametrize("around", ["{}", "no: '{}' (declined)", "see {}."])
def test_secret_of_a_known_form_is_scrubbed(around: str, secret: str) -> None:
    scrubbed = scrub(around.format(secret))
    assert secret not in scrubbed
    assert MASK in scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_stays(text: str) -> None:
    assert scrub(text) == text


def test_only_the_secret_is_replaced() -> None:
    assert scrub("login of bob with password=hunter2 failed") == f"login of bob with password={MASK} failed"
    assert scrub("postgres://bob:hunter2@db/shop") == f"postgres://{MASK}@db/shop"
    assert scrub('{"token": "hunter2", "id": 7}') == f'{{"token": "{MASK}", "id": 7}}'


def test_link_that_resets_a_password_is_scrubbed() -> None:
    assert scrub("/reset/MQ/abc123-0123456789abcdef0123456789abcdef/") == f"/reset/MQ/{MASK}/"
    assert scrub("/invite/ab12cd34ef/") == f"/invite/{MASK}/"


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1000,
        "a=1 " * 250,
        "password='" * 100,
        "password=[" * 100,
        "4 " * 500,
        "://a:" * 200,
        "mysql -p " * 99,
        "aB_" * 330 + "=1",
    ],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    Scrubber(["iban"]).scrub(text)
    assert time.process_time() - started < 0.1


def test_project_adds_names_and_expressions() -> None:
    scrubber = Scrubber(["iban", "customer-no", r"CUST-\d{4}"])
    assert scrubber.scrub("IBAN: DE89370400") == f"IBAN: {MASK}"
    assert scrubber.scrub("the iban of the customer, my_iban='DE89', caliban=7") == (
        f"the iban of the customer, my_iban='{MASK}', caliban=7"
    )
    assert scrubber.scrub("customer_no=77 and CUST-1234") == f"customer_no={MASK} and {MASK}"
    assert scrubber.scrub("password=hunter2") == f"password={MASK}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["manage.py", "changepassword", "bob"], "manage.py changepassword bob"),
        (["manage.py", "token", "hunter2"], f"manage.py token {MASK}"),
        (["manage.py", "charge", "sk_live_abc123"], f"manage.py charge {MASK}"),
        (["manage.py", "load", "4111111111111111"], f"manage.py load {MASK}"),
    ],
)
def test_command_line_is_scrubbed(arguments: list[str], expected: str) -> None:
    assert scrub_arguments(title(arguments)) == expected


paid = Signal()


def failing(message: str, **_kwargs: object) -> None:
    raise ValueError(message)  # password=hunter2


def dispatch_of(message: str, sender: object = None) -> Any:
    paid.connect(failing)
    try:
        with capture_dispatches() as capture:
            paid.send_robust(sender=sender, message=message)
    finally:
        paid.disconnect(failing)
    (dispatch,) = capture.of(f"{__name__}.failing")
    return dispatch


def test_record_has_the_scrubbed_message_and_sender() -> None:
    dispatch = dispatch_of("password=hunter2", sender="token=hunter2")
    assert dispatch.calls[0].failure.message == f"password={MASK}"
    assert dispatch.sender == f"token={MASK}"


def test_secret_that_the_end_of_the_message_cuts_is_scrubbed() -> None:
    message = (
        dispatch_of("x" * (MAX_LENGTH - 20) + " postgres://bob:hunter2hunter2hunter2@db/shop").calls[0].failure.message
    )
    assert len(message) <= MAX_LENGTH
    assert SECRET not in message


def test_setting_adds_patterns_and_turns_scrubbing_off(settings: Settings) -> None:
    try:
        settings.SIGNAL_MONITOR = {"STORE": "memory", "SCRUB_PATTERNS": ["iban"]}
        assert dispatch_of("iban=DE1 token=abc").calls[0].failure.message == f"iban={MASK} token={MASK}"
        settings.SIGNAL_MONITOR = {"STORE": "memory", "SCRUB_PATTERNS": None}
        assert dispatch_of("token=abc").calls[0].failure.message == "token=abc"
    finally:
        configure_scrubbing(())


def test_span_has_no_secret_in_message_status_and_traceback(spans: Spans) -> None:
    with spans.tracer.start_as_current_span("request"):
        dispatch_of("password=hunter2", sender="token=hunter2")
    finished = list(spans.finished().values())
    texts = [str(value) for span in finished for event in span.events for value in (event.attributes or {}).values()]
    texts += [str(value) for span in finished for value in (span.attributes or {}).values()]
    texts += [str(span.status.description) for span in finished]
    assert any(MASK in text for text in texts)
    assert not [text for text in texts if SECRET in text]


def test_log_of_the_monitor_has_no_secret() -> None:
    shown: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: shown.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("signal_monitor")
    logger.addHandler(handler)
    try:
        try:
            failing("cannot export to https://bob:hunter2@collector")
        except ValueError:
            logger.exception("no answer from %s", "https://bob:hunter2@collector")
    finally:
        logger.removeHandler(handler)
    assert SECRET not in shown[0].replace("# password=hunter2", "")
    assert "Traceback" in shown[0]


def read(url: str) -> str:
    with urlopen(url) as response:  # noqa: S310 - the test's own site
        text: str = response.read().decode()
    return text


def test_site_shows_and_stores_no_secret(start_site: Callable[..., Site]) -> None:
    """A real site: its pages, its JSON, its socket, its file and its log."""
    site = start_site("tests.secretive:application")
    site.may_log_tracebacks = True
    with pytest.raises(HTTPError, match="500"):
        read(f"{site.url}/reset/MQ/abc123-0123456789abcdef0123456789abcdef/")
    api = f"{site.url}/signals/api/live/?outcome=failed"
    assert wait_until(lambda: bool(json.loads(read(api))["dispatches"]))
    pages = [api, f"{site.url}/signals/", f"{site.url}/signals/live/?outcome=failed", f"{site.url}/signals/requests/"]
    shown = [read(page) for page in pages]
    with WebSocket(f"{site.url}/signals/ws/?page=live&outcome=failed") as viewer:
        shown.append(viewer.receive_frame())
    site.stop()
    database = sqlite3.connect(site.log_path.parent / "signals" / "store.sqlite3")
    shown += list(database.iterdump())
    database.close()
    ours = [line for line in site.log.splitlines() if "signal_monitor" in line and "File" not in line]
    assert any(f"password={MASK}" in text for text in shown)
    assert any(f"/reset/MQ/{MASK}/" in text for text in shown)
    for text in [*shown, *ours]:
        assert SECRET not in text
        assert "0123456789abcdef0123456789abcdef" not in text


def test_scrubbing_imports_nothing_of_the_package() -> None:
    """It is used everywhere, the hot path's names included."""
    package = Path(sys.modules["signal_monitor.scrubbing"].__file__ or "").read_text(encoding="utf-8")
    assert "from signal_monitor" not in package
