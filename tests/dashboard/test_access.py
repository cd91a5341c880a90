"""Who may look: active staff, in DEBUG clients of this machine, or whoever the project's own rule names."""

from __future__ import annotations

import json
import subprocess
import sys
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from signal_monitor.dashboard.access import access_required, may_view
from signal_monitor.dashboard.handshake import reason_against, request_of
from signal_monitor.instrumentation.thread_state import current_state
from tests.support.servers import ROOT

ELSEWHERE = "203.0.113.7"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def request_from(address: str = ELSEWHERE, user: object = None, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/signals/", REMOTE_ADDR=address, headers=headers)
    request.user = user or AnonymousUser()  # type: ignore[assignment]
    return request


def scope_with(address: str = ELSEWHERE, **headers: str) -> dict[str, Any]:
    return {
        "type": "websocket",
        "path": "/signals/ws/",
        "query_string": b"page=overview",
        "client": [address, 50_000],
        "server": ["127.0.0.1", 8000],
        "headers": [(name.encode().replace(b"_", b"-"), value.encode()) for name, value in headers.items()],
    }


def scope_of_session(client: Client) -> dict[str, Any]:
    cookie = SimpleCookie({settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value})
    return scope_with(cookie=cookie.output(header="").strip())


def is_from_own_page(request: HttpRequest) -> bool:
    return reason_against(request) == ""


def only_the_curious(request: HttpRequest) -> bool:
    return request.headers.get("X-Curious") == "yes"


@pytest.fixture
def staff_scope(client: Client, admin_user: User) -> dict[str, Any]:
    client.force_login(admin_user)
    return scope_of_session(client)


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        (AnonymousUser(), False),
        (User(username="customer"), False),
        (User(username="editor", is_staff=True), True),
        (User(username="gone", is_staff=True, is_active=False), False),
        (User(username="root", is_superuser=True), False),
    ],
    ids=["anonymous", "customer", "staff", "inactive staff", "superuser who is not staff"],
)
def test_only_active_staff_may_look(user: User | AnonymousUser, *, allowed: bool) -> None:
    assert may_view(request_from(user=user)) is allowed


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_a_local_client_may_look_in_debug(settings: Settings, address: str) -> None:
    settings.DEBUG = True
    assert may_view(request_from(address, host="localhost:8000"))
    assert may_view(scope_with(address, host="localhost:8000"))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "shop.localhost:8000", "127.0.0.1", "127.1.2.3:1", "[::1]:8000"]
)
def test_a_local_client_asks_for_a_name_of_this_machine(settings: Settings, host: str) -> None:
    settings.DEBUG = True
    assert may_view(request_from("127.0.0.1", host=host))
    assert may_view(scope_with("127.0.0.1", host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "0.0.0.0",  # noqa: S104 - a name in a request
        "127.1",
        "2130706433",
        "testserver",
        "",
        "[::2]",
        "localhost:80@evil.example",
        "localhost evil.example",
    ],
)
def test_a_name_that_an_attacker_points_at_this_machine_is_refused(settings: Settings, host: str) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]
    assert not may_view(request_from("127.0.0.1", host=host))
    assert not may_view(scope_with("127.0.0.1", host=host))


def test_a_client_that_names_no_host_is_refused(settings: Settings) -> None:
    settings.DEBUG = True
    assert not may_view(scope_with("127.0.0.1"))


@pytest.mark.parametrize("address", [ELSEWHERE, "10.0.0.1", "::2", "", "localhost"])
def test_another_client_may_not_look_in_debug(settings: Settings, address: str) -> None:
    settings.DEBUG = True
    assert not may_view(request_from(address, host="localhost"))


def test_a_local_client_may_not_look_without_debug() -> None:
    assert not may_view(request_from("127.0.0.1", host="localhost"))


@pytest.mark.parametrize("value", [ELSEWHERE, "127.0.0.1", ""])
@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded",
        "Forwarded-For",
        "VIA",
        "x-forwarded-port",
        "X-FORWARDED-SERVER",
        "X-Forwarded-Prefix",
        "CF-Connecting-IP",
        "CF-Connecting-IPv6",
        "CF-Ray",
        "True-Client-IP",
        "X-Client-IP",
        "Client-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
        "Fly-Client-IP",
        "X-Original-Forwarded-For",
        "X-Original-Host",
        "X-Envoy-External-Address",
        "X-Remote-Addr",
        "CDN-Loop",
        "X-Amzn-Trace-Id",
        "X-Azure-ClientIP",
        "X-ProxyUser-IP",
        "WL-Proxy-Client-IP",
        "Max-Forwards",
        "X-Scheme",
        "X-Url-Scheme",
        "Front-End-Https",
        "CloudFront-Viewer-Address",
        "CDN-RequestId",
        "X-Varnish",
        "X-Origin-IP",
        "X-Request-Start",
        "X-SSL-Client-Verify",
        "Disguised-Host",
        "Rndr-Id",
        "X-Tunnel-Authorization",
        "Bypass-Tunnel-Reminder",
        "X-Goog-Authenticated-User-Email",
        "X-MS-Client-Principal",
        "X-Auth-Request-Email",
        "Remote-User",
    ],
)
def test_a_client_behind_a_local_proxy_is_not_local(settings: Settings, header: str, value: str) -> None:
    settings.DEBUG = True
    assert not may_view(request_from("127.0.0.1", host="localhost", **{header: value}))
    assert not may_view(scope_with("127.0.0.1", host="localhost", **{header.lower(): value}))


def test_headers_that_browsers_send_are_not_those_of_a_proxy(settings: Settings) -> None:
    settings.DEBUG = True
    names = ["Accept", "Accept-Language", "Cache-Control", "Connection", "Cookie", "DNT", "Origin", "Pragma", "Referer"]
    names += [
        "Sec-Fetch-Site",
        "Sec-CH-UA",
        "Upgrade-Insecure-Requests",
        "User-Agent",
        "HX-Request",
        "X-Requested-With",
    ]
    names += ["traceparent", "X-Request-ID", "If-None-Match", "Priority", "X-CSRFToken", "Authorization"]
    assert may_view(request_from("127.0.0.1", host="localhost", **dict.fromkeys(names, "1")))


def test_a_rule_of_the_project_replaces_ours(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"ACCESS": f"{__name__}.only_the_curious"}
    assert may_view(request_from(**{"X-Curious": "yes"}))
    assert may_view(scope_with(x_curious="yes"))
    assert not may_view(request_from(user=User(is_staff=True)))


@pytest.mark.django_db
def test_the_user_of_a_scope_is_read_from_its_session(staff_scope: dict[str, Any]) -> None:
    assert may_view(staff_scope)


@pytest.mark.django_db
def test_a_scope_without_a_session_is_refused() -> None:
    assert not may_view(scope_with(cookie=f"{settings.SESSION_COOKIE_NAME}=nosuchsessionatall"))


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, {"password": "another"}])
def test_a_user_who_has_lost_access_is_refused_at_the_next_look(
    staff_scope: dict[str, Any], admin_user: User, change: dict[str, Any]
) -> None:
    User.objects.filter(pk=admin_user.pk).update(**change)
    assert not may_view(staff_scope)


@pytest.mark.django_db
def test_a_session_that_has_ended_is_refused_at_the_next_look(staff_scope: dict[str, Any], client: Client) -> None:
    client.logout()
    assert not may_view(staff_scope)


@pytest.mark.django_db
def test_looking_leaves_a_session_alone_that_an_old_key_signed(
    staff_scope: dict[str, Any], client: Client, settings: Settings
) -> None:
    """Django would renew it, under a key that the browser never learns from a socket."""
    key = client.session.session_key
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    assert may_view(staff_scope)
    assert SessionStore().exists(str(key))


@pytest.mark.django_db
def test_looking_leaves_a_session_alone_that_is_not_valid_any_more(
    staff_scope: dict[str, Any], client: Client, admin_user: User
) -> None:
    User.objects.filter(pk=admin_user.pk).update(password="another")
    may_view(staff_scope)
    assert SessionStore().exists(str(client.session.session_key))


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("testserver", "http://testserver", True),
        ("testserver:8000", "http://testserver:8000", True),
        ("testserver", "https://testserver", False),
        ("testserver:443", "https://testserver", False),
        ("TestServer", "http://testserver:80", True),
        ("testserver:8000", "http://testserver:8001", False),
        ("testserver:8000", "http://testserver", False),
        ("testserver", "http://evil.example", False),
        ("testserver", "http://testserver.evil.example", False),
        ("testserver", "ftp://testserver", False),
        ("testserver", "null", False),
        ("testserver", "", False),
        ("testserver", "http://[broken", False),
        ("testserver", "http://testserver:port", False),
        ("evil.example", "http://evil.example", False),
    ],
)
def test_a_handshake_comes_from_a_page_of_the_same_host_and_port(host: str, origin: str, *, expected: bool) -> None:
    assert is_from_own_page(request_of(scope_with(host=host, origin=origin))) is expected


def test_a_handshake_without_an_origin_is_refused() -> None:
    assert not is_from_own_page(request_of(scope_with(host="testserver")))


def test_a_page_with_tls_has_a_socket_with_it() -> None:
    scope = {**scope_with(host="testserver", origin="https://testserver"), "scheme": "wss"}
    assert is_from_own_page(request_of(scope))


def test_a_proxy_says_that_the_page_has_tls(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"host": "testserver", "origin": "https://testserver"}
    assert is_from_own_page(request_of(scope_with(x_forwarded_proto="https", **headers)))
    assert not is_from_own_page(request_of(scope_with(x_forwarded_proto="http", **headers)))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://shop.example", True),
        ("https://shop.example:443", True),
        ("https://SHOP.example", True),
        ("http://shop.example", False),
        ("https://shop.example:8443", False),
        ("https://www.shop.example", False),
        ("https://shop.example.evil.example", False),
        ("http://shop.example:8080", True),
        ("https://a.wild.example", True),
        ("https://a.b.wild.example", True),
        ("https://wild.example", True),
        ("http://a.wild.example", False),
        ("https://a.wild.example:8443", False),
        ("https://evilwild.example", False),
        ("https://a.wild.example.evil.example", False),
        ("https://a.ports.example:8443", True),
        ("https://a.ports.example", False),
        ("null", False),
    ],
)
def test_trusted_origins_are_those_of_djangos_csrf_protection(
    settings: Settings, origin: str, *, expected: bool
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://shop.example", "http://shop.example:8080", "https://*.wild.example"]
    settings.CSRF_TRUSTED_ORIGINS += ["https://*.ports.example:8443"]
    assert is_from_own_page(request_of(scope_with(host="testserver", origin=origin))) is expected


def test_a_page_without_tls_is_not_of_the_same_port_as_a_socket_with_it() -> None:
    scope = {**scope_with(host="testserver", origin="http://testserver"), "scheme": "wss"}
    assert not is_from_own_page(request_of(scope))


@access_required
def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"suppressed: {current_state().suppressed}")


def test_a_view_answers_staff_unobserved_and_uncached() -> None:
    response = page(request_from(user=User(is_staff=True)))
    assert isinstance(response, HttpResponse)
    assert response.content == b"suppressed: True"
    assert "no-store" in response.headers["Cache-Control"]


def test_a_person_who_is_not_logged_in_is_sent_to_the_login() -> None:
    response = page(request_from(accept=BROWSER))
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/login/?next=%2Fsignals%2F")


def assert_refused(response: HttpResponseBase) -> None:
    assert isinstance(response, HttpResponse)
    assert response.status_code == 403
    assert response["Content-Type"].startswith("text/plain")
    assert response.content.startswith(b"Only active staff users may see the signal monitor")


@pytest.mark.parametrize("headers", [{}, {"accept": "application/json"}, {"accept": BROWSER, "HX-Request": "true"}])
def test_a_program_that_is_not_logged_in_gets_a_403(headers: dict[str, str]) -> None:
    assert_refused(page(request_from(**headers)))


def test_a_customer_is_told_who_may_look() -> None:
    text = page_of_refusal(page(request_from(user=User(username="customer<b>"), accept=BROWSER)))
    assert "You are logged in as <b>customer&lt;b&gt;</b>. Active staff users may see" in text
    assert 'href="/admin/login/?next=%2Fsignals%2F"' in text


def test_a_customer_is_told_that_the_project_has_a_rule(settings: Settings) -> None:
    settings.SIGNAL_MONITOR = {"ACCESS": f"{__name__}.only_the_curious"}
    text = page_of_refusal(page(request_from(user=User(username="customer"), accept=BROWSER)))
    assert "a rule of its own" in text
    assert "only_the_curious" not in text


def page_of_refusal(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    assert response.status_code == 403
    assert response["Content-Type"].startswith("text/html")
    return response.content.decode()


def test_a_project_without_a_login_page_turns_everyone_away(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__
    assert "Log in" not in page_of_refusal(page(request_from(accept=BROWSER)))


@pytest.mark.parametrize("login", ["/log-in/here/", "log-in", "https://sso.example/login?app=shop"])
def test_a_project_without_an_admin_has_its_own_login(settings: Settings, login: str) -> None:
    settings.ROOT_URLCONF = "tests.dashboard.urls_with_login"
    settings.LOGIN_URL = login
    response = page(request_from(accept=BROWSER))
    expected = login if "//" in login else "/log-in/here/"
    assert (response.status_code, response.headers["Location"]) == (
        302,
        f"{expected}{'&' if '?' in expected else '?'}next=%2Fsignals%2F",
    )


def test_a_rule_of_the_project_goes_with_its_login(settings: Settings) -> None:
    """The admin's login turns away users who are not staff."""
    settings.SIGNAL_MONITOR = {"ACCESS": f"{__name__}.only_the_curious"}
    assert page(request_from(accept=BROWSER)).headers["Location"].startswith("/accounts/")


def test_a_superuser_may_look_where_nobody_is_staff() -> None:
    """A user model without ``is_staff``, as some projects have it."""
    command = [sys.executable, "-m", "tests.dashboard.project_without_staff"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {
        "superuser": 200,
        "other": "Active superusers may see the signal monitor.",
        "nobody": "/log-in/?next=%2Fsignals%2F",
    }


def test_a_view_checks_the_host_first() -> None:
    with pytest.raises(DisallowedHost):
        page(request_from(user=User(is_staff=True), host="evil.example"))


urlpatterns: list[object] = []
