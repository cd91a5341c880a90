"""Which names are those of secrets: ``password``, ``api_key``, ``X-Auth-Token``, ``sessionid``, but not ``monkey``."""

from __future__ import annotations

import functools
import re
from enum import IntEnum

MAX_PARTS = 8
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


class Certainty(IntEnum):
    """How certain it is that a value is secret, from its name.

    ``ASSIGNED``: if it is assigned, as in ``key=…`` or ``"key": "…"``, not in a text such as ``Missing key: name``.
    ``HEADER``: the value has the rest of its line.
    """

    NONE = 0
    ASSIGNED = 1
    CERTAIN = 2
    HEADER = 3


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_CERTAIN = words(
    """
    apikey contrasena cookie cookies credential credentials csrf cvc cvv jwt kennwort motdepasse otp passcode
    passphrase passwd password passwords passwort pwd secret secrets senha sessid sessionid ssn token wachtwoord xsrf
    """
)
_HEADERS = frozenset({"authorization", "cookie", "cookies"})
_ASSIGNED = frozenset({"auth", "card", "creditcard", "pan", "pass", "pin", "pw", "session", "sid", "sig", "signature"})
_ENDINGS = (
    *("password", "passwd", "passphrase", "token", "secret", "sessionid", "sessid", "credentials", "cookie", "pwd"),
    *("apikey", "secretkey", "accesskey", "privatekey", "authkey", "signingkey", "encryptionkey", "licensekey"),
    *("sshkey", "masterkey", "cardnumber", "ccnumber", "creditcardno"),
)
_BEGINNINGS = ("password", "passwd")
# Words after that of a secret which make it another thing: the name of a form's field, the age of a cookie.
_ABOUT = words(
    """
    age algorithm backend change changed class count domain enabled endpoint error exception expired expires expiry
    field fields form function generator handler hasher hashers header help httponly label length lifetime limit max
    method min mixin model name path policy rate required reset samesite secure serializer strength ttl type types uri
    url validation validator validators view
    """
)
_KEY_OF_SECRET = words(
    """
    access account admin api app auth aws client consumer crypto deploy encrypt encryption fernet hmac license master
    pgp private rest rsa secret service session shared sign signing ssh storage stripe subscription webhook
    """
)
_KEY_OF_OTHER = words(
    """
    cache column composite config dict foreign group hash idempotency index join lookup map missing natural object
    order ordering parent partition primary public query related row sort translation unique unknown
    """
)
_NUMBER = frozenset({"number", "no", "nr", "num"})


@functools.lru_cache(4_096)
def certainty(name: str) -> Certainty:
    """How certain it is that what has this name is secret; of a dotted name, the last part counts."""
    parts = _parts(name)
    levels = [
        _of_word(parts, place, word)
        for place, word in enumerate(parts)
        if not any(about in _ABOUT for about in parts[place + 1 :])
    ]
    return max(levels, default=Certainty.NONE)


def _parts(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name.rstrip(".").rpartition(".")[2])]


def runs_of_words(name: str) -> set[str]:
    """Whatever words of a name stand together, written as one; of a long name, those at its end."""
    parts = _parts(name)[-MAX_PARTS:]
    return {"".join(parts[start:end]) for end in range(1, len(parts) + 1) for start in range(end)}


def is_plain(name: str) -> bool:
    """Whether a word is the name of a secret and nothing else, as in a command line."""
    return name.lower().replace("-", "").replace("_", "") in _CERTAIN


def _of_word(parts: list[str], place: int, word: str) -> Certainty:
    before = parts[place - 1] if place else ""
    if word in _HEADERS:
        return Certainty.HEADER
    if word in _CERTAIN or word.endswith(_ENDINGS) or word.startswith(_BEGINNINGS):
        return Certainty.CERTAIN
    if word == "key":
        return _of_key(parts, before)
    if word in _NUMBER and before in {"card", "cc"}:
        return Certainty.CERTAIN
    return Certainty.ASSIGNED if word in _ASSIGNED and place == len(parts) - 1 else Certainty.NONE


def _of_key(parts: list[str], before: str) -> Certainty:
    if before in _KEY_OF_SECRET:
        return Certainty.CERTAIN
    is_other = before in _KEY_OF_OTHER or (not before and len(parts) > 1)
    return Certainty.NONE if is_other else Certainty.ASSIGNED
