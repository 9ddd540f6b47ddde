"""What each family of proxies says of a request, and in which headers (FA-03, FA-04, FA-11, FA-14).

A family's facts stand in headers that its proxy sets itself, each exactly once. No other header is a fact, whatever it
is called.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from litestar.types import HTTPScope
from paseport_shared.domain.models.api_key import parse_api_key
from paseport_shared.domain.models.key_carrier import BASIC, BEARER, X_API_KEY
from paseport_shared.domain.models.policy import CredentialKind

from paseport_api.use_cases.decide_request import Presented, ProxyRequest

IDENTITY: Final = (
    b"x-user",
    b"x-user-id",
    b"x-user-roles",
    b"x-user-scopes",
    b"x-user-email",
    b"x-auth-method",
    b"remote-user",
    b"remote-groups",
    b"remote-name",
    b"remote-email",
)
"""The headers that name the caller to a service. Who sends one spelled otherwise hopes that the service reads it."""
EDGE_COOKIE: Final = "paseport-edge"
BINDING_COOKIE: Final = "paseport-binding"

Headers = Iterable[tuple[bytes, bytes]]
Values = list[bytes | None]


# Where the value of which header stands. Plain numbers: an attribute of an enumeration costs more than the look itself.
# What stands from _ACCEPT on says how to answer, and no decision depends on it.
_METHOD, _PROTO, _HOST, _TARGET, _FOR = 0, 1, 2, 3, 4
_AUTHORIZATION, _API_KEY, _COOKIE, _ORIGIN, _UPGRADE = 5, 6, 7, 8, 9
_ACCEPT, _FETCH_MODE, _PROBLEM = 10, 11, 12
_SLOTS: Final = 13
_ASKED_AUTHORIZATION: Final = _AUTHORIZATION + 1
"""Where that is in what ``asked`` returns; the key's own header is next to it."""
_NOTHING: Final = -1
_ALIAS: Final = -2
_NAMES_KNOWN: Final = 1024
_MAX_HEADERS: Final = 150
_MAX_VALUE: Final = 8191
"""Bytes of one header. Servers and proxies end somewhere, each elsewhere; here nothing is cut off, it is refused."""
_LISTS: Final = {_COOKIE: b"; ", _ACCEPT: b", "}
"""What may be sent in parts, and how the parts are put together."""
_SCHEMES: Final = {b"https": "https", b"http": "http", b"wss": "https", b"ws": "http"}
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}
_OURS: Final = b"paseport-"
_COMMON: Final[Mapping[bytes, int]] = {
    b"x-forwarded-for": _FOR,
    b"authorization": _AUTHORIZATION,
    b"x-api-key": _API_KEY,
    b"cookie": _COOKIE,
    b"origin": _ORIGIN,
    b"upgrade": _UPGRADE,
    b"sec-websocket-key": _UPGRADE,
    b"accept": _ACCEPT,
    b"sec-fetch-mode": _FETCH_MODE,
}


class Family:
    """One kind of proxies. ``read`` collects, without a look at what the values say; ``facts`` map header to slot.

    ``answers_plainly``: of the answer nothing but 200, 401 and 403 means anything to the proxy. ``refuses_aliases``:
    the proxy sends every header of the request along, and the service may take ``X_User`` for ``X-User``.
    """

    def __init__(
        self,
        name: str,
        facts: Mapping[bytes, int],
        *,
        allowed_status: int,
        answers_plainly: bool = False,
        refuses_aliases: bool = True,
    ) -> None:
        self.name = name
        self.allowed_status = allowed_status
        self.answers_plainly = answers_plainly
        self._refuses_aliases = refuses_aliases
        self._slots = {**_COMMON, **facts}

    def read(self, scope: HTTPScope) -> Values:
        """Return the value of each slot. The proxy asks with a GET, whatever it was asked itself."""
        values = self._collect(scope)
        if scope["method"] != "GET":
            values[_PROBLEM] = b"the proxy asks with another method than GET"
        return values

    def _collect(self, scope: HTTPScope) -> Values:
        values: Values = [None] * _SLOTS
        slots = self._slots
        headers = scope["headers"]
        for name, value in headers:
            slot = slots.get(name)
            if slot is None:
                slot = self._slot_of(name)
            if slot < 0:
                if slot == _ALIAS:
                    values[_PROBLEM] = b"a header is an alias of one that names the caller"
                elif len(value) > _MAX_VALUE:
                    values[_PROBLEM] = _TOO_LARGE
            elif values[slot] is None:
                values[slot] = value
            else:
                _add(values, slot, value)
        if scope["http_version"] != "1.1":
            # 1.0 has no Host, no chunks and no connections that last: two parties read it differently. Nor is this 2.
            values[_PROBLEM] = b"the proxy does not speak HTTP/1.1"
        elif len(cast(list[Any], headers)) > _MAX_HEADERS:
            values[_PROBLEM] = _TOO_LARGE
        return values

    def _slot_of(self, name: bytes) -> int:
        slot = _NOTHING
        if self._refuses_aliases and name not in IDENTITY and name.strip().replace(b"_", b"-").lower() in IDENTITY:
            slot = _ALIAS
        if len(self._slots) < _NAMES_KNOWN:
            self._slots[name] = slot
        return slot


class ItsOwnRequest(Family):
    """A family whose proxy asks with the request itself, below a prefix (Envoy)."""

    def __init__(self, name: str, prefix: bytes) -> None:
        super().__init__(name, {b"x-forwarded-proto": _PROTO, b"host": _HOST}, allowed_status=200)
        self._cut = len(prefix)

    def read(self, scope: HTTPScope) -> Values:
        """See ``Family.read``."""
        values = self._collect(scope)
        query = scope["query_string"]
        path = scope["raw_path"][self._cut :]
        values[_TARGET] = path + b"?" + query if query else path
        values[_METHOD] = scope["method"].encode("latin-1")
        return values


FORWARD_AUTH: Final = Family(
    "/forward-auth",
    {
        b"x-forwarded-method": _METHOD,
        b"x-forwarded-proto": _PROTO,
        b"x-forwarded-host": _HOST,
        b"x-forwarded-uri": _TARGET,
    },
    allowed_status=204,
)
AUTH_REQUEST: Final = Family(
    "/auth-request",
    {
        b"x-original-method": _METHOD,
        b"x-original-proto": _PROTO,
        b"x-original-host": _HOST,
        b"x-original-uri": _TARGET,
    },
    allowed_status=200,
    answers_plainly=True,
    refuses_aliases=False,
)
EXT_AUTHZ_PREFIX: Final = b"/ext-authz"
EXT_AUTHZ: Final = ItsOwnRequest("/ext-authz", EXT_AUTHZ_PREFIX)


def asked(values: Values, peer: str | None) -> tuple[Any, ...] | None:
    """Return all that a decision depends on, for ``DecideRequest.recall``; None where it cannot be recalled.

    The query is none of it. A fragment, which nobody may send, is left to be found.
    """
    target = values[_TARGET]
    if values[_PROBLEM] is not None or target is None or b"#" in target or len(target) > _MAX_VALUE:
        return None
    end = target.find(b"?")
    return (peer, target if end < 0 else target[:end], *values[:_TARGET], *values[_FOR:_ACCEPT])


def without_text(asked: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return ``asked`` but for the text of the credential, where nothing depends on what that is."""
    return asked[:_ASKED_AUTHORIZATION] + asked[_ASKED_AUTHORIZATION + 2 :]


@dataclass(slots=True)
class Found:
    """What of a request may be a credential, and in which headers one stands that no service is to see."""

    is_in_authorization: bool = False
    is_in_key_header: bool = False
    is_ambiguous: bool = False
    presented: tuple[Presented, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadsCredentials:
    """Finds what of a request may be a credential of ours.

    ``carriers`` may hold an API key. With ``takes_any_text``, keys that another system made count, which have no form
    of their own. ``edge_cookie`` is the cookie's name here.
    """

    carriers: frozenset[str]
    edge_cookie: str
    takes_any_text: bool = False

    def find(self, values: Values) -> Found:
        """Return what was presented.

        What may as well be meant for the service behind the proxy counts only where nothing else was presented: then
        it is no good, and that is said.
        """
        authorization, api_key, cookie = values[_AUTHORIZATION], values[_API_KEY], values[_COOKIE]
        by_header = None if authorization is None else self._in_authorization(authorization)
        by_key = None if api_key is None or X_API_KEY not in self.carriers else self._as_key(api_key.strip())
        found = Found(
            # A key is kept from services even where it is not taken from there.
            is_in_authorization=_is_ours(by_header) or (authorization is not None and _holds_ours(authorization)),
            is_in_key_header=_is_ours(by_key) or (api_key is not None and _holds_ours(api_key)),
            is_ambiguous=values[_PROBLEM] in (_REPEATED_AUTHORIZATION, _REPEATED_KEY),
        )
        sessions: tuple[Presented, ...] = ()
        if cookie is not None and _OURS in cookie:
            cookies = [value for name, value in _cookies(cookie) if name == self.edge_cookie]
            found.is_ambiguous |= len(cookies) > 1
            sessions = tuple(Presented(CredentialKind.SESSION, value) for value in cookies)
        if by_key is None and not sessions:
            found.presented = () if by_header is None else (by_header,)
            return found
        presented = tuple(one for one in (by_header, by_key, *sessions) if one is not None)
        found.presented = tuple(one for one in presented if _is_ours(one)) or presented
        return found

    def is_no_key(self, values: Values) -> bool:
        """Say whether all that was presented is one text that begins as a key of ours does and can be none.

        Whatever the text is, the same comes of it.
        """
        authorization = values[_AUTHORIZATION]
        if authorization is None or authorization[:11] != b"Bearer ppk_" or not self._are_keys_bearers:
            return False
        if values[_API_KEY] is not None or values[_COOKIE] is not None:
            return False
        return parse_api_key(authorization[7:].strip(b" ").decode("latin-1")) is None

    @property
    def _are_keys_bearers(self) -> bool:
        return BEARER in self.carriers and not self.takes_any_text

    def _in_authorization(self, value: bytes) -> Presented | None:
        scheme, _, rest = value.partition(b" ")
        rest = rest.strip(b" ")
        match scheme.lower():
            case b"bearer":
                if rest[:3] == b"v4.":
                    return _presented(CredentialKind.ACCESS_TOKEN, rest)
                if BEARER in self.carriers:
                    return self._as_key(rest)
                # A key is one, and no good here.
                return Presented(CredentialKind.NONE, "")
            case b"basic" if BASIC in self.carriers:
                return self._as_key(_password(rest))
        return None

    def _as_key(self, value: bytes) -> Presented:
        is_ours = value[:4] == b"ppk_" or self.takes_any_text
        return _presented(CredentialKind.API_KEY, value) if is_ours else Presented(CredentialKind.NONE, "")


def request_of(values: Values, found: Found, *, is_from_proxy: bool, address: str | None) -> ProxyRequest:
    """Return what the values say, for the decision."""
    method, proto, host, target, forwarded_for = values[: _FOR + 1]
    problem, origin = values[_PROBLEM], values[_ORIGIN]
    if problem is _REPEATED_AUTHORIZATION or problem is _REPEATED_KEY:
        problem = None
    scheme = _SCHEMES.get(proto or b"")
    if method is None or host is None or target is None or forwarded_for is None or proto is None:
        problem = problem or b"a header that says what was asked is missing"
    elif scheme is None:
        problem = problem or b"the scheme is neither http nor https"
    for value in values:
        if value is not None and len(value) > _MAX_VALUE:
            problem = _TOO_LARGE
    host_text = _text(host)
    return ProxyRequest(
        is_from_proxy=is_from_proxy,
        host=host_text,
        target=_text(target),
        method=_text(method),
        address=address,
        origin=None if origin is None else _text(origin),
        own_origin=origin_of(scheme or "https", host_text),
        is_upgrade=values[_UPGRADE] is not None or proto in (b"wss", b"ws"),
        presented=found.presented,
        is_ambiguous=found.is_ambiguous,
        problem=None if problem is None else problem.decode(),
    )


@lru_cache(maxsize=1024)
def origin_of(scheme: str, host: str) -> str:
    """Return what a browser calls the origin of a page there (RFC 6454 §6.2)."""
    return f"{scheme}://{host.lower().removesuffix(_DEFAULT_PORTS[scheme])}"


def own_headers(values: Values) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return ``Authorization``, ``X-API-Key`` and ``Cookie`` as they came."""
    return values[_AUTHORIZATION], values[_API_KEY], values[_COOKIE]


def method_of(values: Values) -> bytes:
    """Return the method as it came."""
    return values[_METHOD] or b""


def shown(values: Values) -> tuple[str, str, str]:
    """Return host, path and method as far as they can be shown, for a request that cannot be read."""
    target = _text(values[_TARGET]).partition("?")[0]
    texts = (_text(values[_HOST])[:253], target.partition("#")[0][:1024], _text(values[_METHOD])[:16])
    host, path, method = (text if text.isprintable() else "" for text in texts)
    return host, path, method


def peer_of(scope: HTTPScope) -> str | None:
    """Return who connected."""
    client = scope.get("client")
    return client[0] if client else None


def forwarded_for(values: Values) -> bytes:
    """Return the chain of proxies as it came."""
    return values[_FOR] or b""


def target_of(values: Values) -> str:
    """Return path and query as they came."""
    return _text(values[_TARGET])


def host_of(values: Values) -> str:
    """Return the host as it came."""
    return _text(values[_HOST])


def is_https(values: Values) -> bool:
    """Say whether the request came over https."""
    return _SCHEMES.get(values[_PROTO] or b"") == "https"


def asks_for_page(values: Values) -> bool:
    """Say whether a person waits for a page: nothing else can go through a sign-in (FA-01)."""
    return (
        values[_METHOD] == b"GET"
        and b"text/html" in (values[_ACCEPT] or b"").lower()
        and values[_FETCH_MODE] in (None, b"navigate")
    )


def cookies_of_others(header: bytes) -> bytes:
    """Return a ``Cookie`` header without ours: no service is to see one, whatever its prefix."""
    kept = []
    for part in header.split(b";"):
        stripped = part.strip()
        name, _, value = stripped.partition(b"=")
        # A cookie without a name is sent as its value, or behind an equals sign.
        if stripped and _OURS not in (name or value).lower():
            kept.append(stripped)
    return b"; ".join(kept)


def cookie_values(headers: Headers, name: str) -> list[str]:
    """Return every value of a cookie in a request."""
    return [value for key, sent in headers if key == b"cookie" for known, value in _cookies(sent) if known == name]


def _cookies(header: bytes) -> Iterator[tuple[str, str]]:
    for part in header.split(b";"):
        name, equals, value = part.strip().partition(b"=")
        if equals:
            yield name.strip().decode("latin-1"), value.strip().decode("latin-1")


_PREFIXES: Final = (b"ppk_", b"v4.public.")
_TOO_LARGE: Final = b"there are too many headers, or one is too large"
_REPEATED_AUTHORIZATION: Final = b"Authorization was sent more than once"
_REPEATED_KEY: Final = b"X-API-Key was sent more than once"


def _add(values: Values, slot: int, value: bytes) -> None:
    """Take a second value of a slot: some are lists, and of all others nobody can say which one counts."""
    joint = _LISTS.get(slot)
    if joint is not None:
        values[slot] = cast(bytes, values[slot]) + joint + value
    elif slot == _AUTHORIZATION:
        values[_PROBLEM] = values[_PROBLEM] or _REPEATED_AUTHORIZATION
    elif slot == _API_KEY:
        values[_PROBLEM] = values[_PROBLEM] or _REPEATED_KEY
    elif slot not in (_UPGRADE, _FETCH_MODE):
        values[_PROBLEM] = b"a header that says what was asked was sent more than once"


def _is_ours(presented: Presented | None) -> bool:
    return presented is not None and presented.kind is not CredentialKind.NONE


def _holds_ours(value: bytes) -> bool:
    """Say whether one of ours is in there, whatever stands around it: proxies make one line of a folded header."""
    if any(prefix in value for prefix in _PREFIXES):
        return True
    scheme, _, rest = value.partition(b" ")
    return scheme.lower() == b"basic" and any(prefix in _name_and_password(rest.strip(b" ")) for prefix in _PREFIXES)


def _presented(kind: CredentialKind, value: bytes) -> Presented:
    # One word of visible ASCII, as the grammars of all of ours say; what is not can be none.
    text = value.decode("latin-1")
    is_word = bool(text) and text.isascii() and text.isprintable() and " " not in text
    return Presented(kind, text) if is_word else Presented(CredentialKind.NONE, "")


def _password(credentials: bytes) -> bytes:
    return _name_and_password(credentials).partition(b":")[2]


def _name_and_password(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True)
    except binascii.Error:
        return b""


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")
