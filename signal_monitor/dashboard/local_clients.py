"""Whether a request comes from a browser on this machine, and for a name of this machine."""

from __future__ import annotations

import re
from ipaddress import ip_address

from django.http import HttpRequest
from django.http.request import split_domain_port

# Headers that proxies, load balancers and tunnels add: with one of them, the peer is not the client.
_FORWARDED = re.compile(
    r"""HTTP_(?:
        .*FORWARD.* | (?:.*_)?VIA | .*PROXY.* | MAX_FORWARDS | CDN_LOOP
        | .*(?:CLIENT|REAL|CONNECTING|REMOTE|ORIGINAL|SOURCE|USER|PEER)_?(?:IP|ADDR|ADDRESS)(?:V6)?
        | .*REMOTE_HOST | X_(?:HOST|IP|SCHEME|COMING_FROM)
        | X_(?:ORIGINAL|REWRITE|ENVOY|AMZ|AMZN|AZURE|APPENGINE|ARR|VERCEL|CLUSTER|CLOUD|RAILWAY|NF)_.*
        | (?:CF|FLY|FASTLY|TAILSCALE|NGROK|AKAMAI|INCAP|TRUE_CLIENT)_.*
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
