"""Whether a request comes from a browser on this machine, and for a name of this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

from django.http import HttpRequest
from django.http.request import split_domain_port

# Headers that proxies, load balancers, tunnels and login gateways add, and browsers do not: with one of them, the peer
# is not the client. The words stand anywhere in a name.
_FORWARDED = re.compile(
    r"""HTTP_(?:
        .*(?:FORWARD|PROXY|TUNNEL|GATEWAY|UPSTREAM|BACKEND|CDN|CLOUDFRONT|CLOUDFLARE|AKAMAI|INCAP|SUCURI|VARNISH|SQUID
            |HAPROXY|TRAEFIK|LINKERD|L5D|ISTIO|ENVOY|KONG|TYK|NGROK|PAGEKITE|SERVEO|LOCA_LT|OPENSHIFT|HEROKU|KUBERNETES
            |APPENGINE|VERCEL|NETLIFY|RAILWAY|RENDER|RNDR|TAILSCALE|FASTLY|CODESPACE|GITPOD|AZURE|BLUECOAT|SURROGATE).*
        | (?:.*_)?VIA | MAX_FORWARDS | X_REQUEST_START
        | .*(?:CLIENT|REAL|CONNECTING|REMOTE|ORIGIN(?:AL|ATING)?|SOURCE|SRC|USER|PEER)_?(?:IP|ADDR|ADDRESS)(?:V6)?
        | .*REMOTE_(?:HOST|USER) | .*HOST_OVERRIDE | .*(?:DISGUISED|DEFAULT)_HOST(?:NAME)? | X_SITE_DEPLOYMENT_ID
        | X_(?:HOST|IP|SCHEME|PROTO|HTTPS|SSL|COMING_FROM|CACHE|HW|IINFO) | (?:.*_)?(?:URL_SCHEME|FRONT_END_HTTPS)
        | X_(?:CLIENT|SSL|EDGE|ORIGINAL|REWRITE|AMZ|AMZN|ARR|CLUSTER|CLOUD|NF|B3|GOOG|MS|AUTH_REQUEST|CONSUMER)_.*
        | (?:SSL_CLIENT|CF|FLY|TRUE_CLIENT|ALI|WL|EAGLEEYE|STACKPATH|REMOTE)_.*
    )""",
    re.VERBOSE,
)


def is_local(request: HttpRequest) -> bool:
    """Whether the client is on this machine, asks for a name of this machine, and no proxy is in between.

    Without the check of the name, a page whose own name an attacker points at 127.0.0.1 could read the answer.
    """
    peer, host = request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_HOST", "")
    name = split_domain_port(host)[0].rstrip(".")
    is_own_name = name == "localhost" or name.endswith(".localhost") or _is_loopback(name.strip("[]"))
    return is_own_name and _is_loopback(peer) and not any(map(_FORWARDED.fullmatch, request.META))


def _is_loopback(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)
