"""The keys of a provider (RFC 7517): which of them can be used, and which one a token is signed with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from paseport import base64url
from paseport.clock import Clock

from paseport_shared.adapters.oidc.fetched import FRESH_SECONDS, Fetched
from paseport_shared.adapters.oidc.signed_token import SignedToken, is_signed_by
from paseport_shared.domain.errors import ProviderAnswerRefused, ProviderUnavailable

SIGN_IN_PAUSE_SECONDS: Final = 1.0
"""Between two fetches of a key set because of sign-ins."""
STRANGER_PAUSE_SECONDS: Final = 30.0
"""Between two fetches of a key set because of tokens that anybody could have sent."""
MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048
_MAX_RSA_BITS: Final = 8192
_MAX_EXPONENT_BYTES: Final = 4
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_ALGORITHMS: Final[Mapping[tuple[str, str | None], frozenset[str]]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
_TYPES: Final[Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True)
class UsableKey:
    """A key that checks signatures of these algorithms, and of no other."""

    kid: str | None
    algorithms: frozenset[str]
    key: RSAKey | ECKey | OKPKey


def read_keys(document: Mapping[str, Any]) -> tuple[UsableKey, ...]:
    """Return the keys of a key set that can be used here; the others are none of our business (RFC 7517 §5).

    Passed over are types, curves and algorithms that no token may have, keys for encryption, secrets, keys whose
    private half is published, RSA keys that are too small to trust or too large to check. Raises
    ``ProviderUnavailable`` for what is no key set.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ProviderUnavailable("the key set has no list of keys")
    keys = (_read_key(member) for member in listed[:MAX_KEYS] if isinstance(member, dict))
    return tuple(key for key in keys if key is not None)


class ProviderKeys:
    """Checks signatures with a provider's key set, and fetches that again where a token names a key that is new.

    See ``Fetched`` for what is fetched when. Belongs to one event loop.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[UsableKey, ...]]],
        clock: Clock,
        *,
        deadline_seconds: float,
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._fetched = Fetched(fetch, clock, deadline_seconds=deadline_seconds, fresh_seconds=fresh_seconds)
        self._clock = clock
        self._stranger_asked_at: float | None = None

    async def check_signature(self, token: SignedToken, *, from_stranger: bool) -> None:
        """Return if the token is signed by the one key of the provider that it fits.

        That is the key with its ``kid``, or, where it has none, the only key that fits its algorithm. Where there is no
        such key, or the signature of a token without ``kid`` is another's, the provider may have changed its keys
        (XI-18): a fetch that is under way is waited for, and where that does not help the set is fetched once again.
        Raises ``ProviderAnswerRefused``, and ``Unavailable`` where the keys cannot be had.
        """
        begun = self._fetched.begun
        pause = STRANGER_PAUSE_SECONDS if from_stranger else 0.0
        if _is_signed(token, await self._fetched.get(pause_seconds=pause)):
            return
        under_way = await self._fetched.get_under_way()
        if under_way is not None and _is_signed(token, under_way):
            return
        if from_stranger and self._fetched.begun == begun:
            self._note_stranger()
        newer = await self._fetched.get_newer(begun, pause_seconds=SIGN_IN_PAUSE_SECONDS)
        if not _is_signed(token, newer):
            raise ProviderAnswerRefused("the token is signed by a key that the provider does not publish")

    def _note_stranger(self) -> None:
        """Raise ``ProviderAnswerRefused`` where another stranger's token was looked up a moment ago."""
        now = self._clock.monotonic()
        if self._stranger_asked_at is not None and now - self._stranger_asked_at < STRANGER_PAUSE_SECONDS:
            raise ProviderAnswerRefused("the token names an unknown key, and such a one was looked up a moment ago")
        self._stranger_asked_at = now


def _is_signed(token: SignedToken, keys: tuple[UsableKey, ...]) -> bool:
    """Say whether a token is signed by its key; False where it has none among these, or may have another tomorrow.

    Raises ``ProviderAnswerRefused`` where its key is there and did not sign it: no other key could have.
    """
    fitting = [key for key in keys if token.algorithm in key.algorithms and (token.kid is None or key.kid == token.kid)]
    if len(fitting) > 1:
        raise ProviderAnswerRefused("more than one key of the provider could have signed the token")
    if not fitting:
        return False
    if is_signed_by(token, fitting[0].key):
        return True
    if token.kid is None:
        return False
    raise ProviderAnswerRefused("the signature is not that of the provider's key")


def _read_key(member: Mapping[str, Any]) -> UsableKey | None:
    kid, kty, crv, alg = (member.get(name) for name in ("kid", "kty", "crv", "alg"))
    if not isinstance(kid, str | None) or not isinstance(kty, str) or not isinstance(crv, str | None):
        return None
    algorithms = _ALGORITHMS.get((kty, None if kty == "RSA" else crv), frozenset())
    if alg is not None:
        algorithms &= {alg} if isinstance(alg, str) else set()
    if not algorithms or not _PRIVATE.isdisjoint(member) or not _may_verify(member):
        return None
    if kty == "RSA" and not _has_sane_size(member):
        return None
    try:
        # Without `use` and `key_ops`, which are judged already, and whatever else there is.
        material = {name: member[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in member}
        return UsableKey(kid, algorithms, _TYPES[kty].import_key(material))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _may_verify(member: Mapping[str, Any]) -> bool:
    operations = member.get("key_ops", ["verify"])
    return member.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _has_sane_size(member: Mapping[str, Any]) -> bool:
    """Say whether an RSA key is large enough to be trusted, and small enough to be checked with in no time."""
    try:
        n, e = (base64url.decode(member[name]) for name in ("n", "e"))
    except (KeyError, ValueError, AttributeError):
        return False
    bits = int.from_bytes(n, "big").bit_length()
    return _MIN_RSA_BITS <= bits <= _MAX_RSA_BITS and 0 < len(e.lstrip(b"\0")) <= _MAX_EXPONENT_BYTES
