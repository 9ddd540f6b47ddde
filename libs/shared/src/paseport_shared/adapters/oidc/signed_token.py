"""Tokens that a provider signed (RFC 7515, RFC 7519), before anything in them is believed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from paseport import base64url

from paseport_shared.adapters.oidc.wire import Unreadable, read_object, shown
from paseport_shared.domain.errors import ProviderAnswerRefused

_MAX_KID: Final = 512


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token that is well formed and whose algorithm is acceptable. Its payload is nobody's word yet."""

    algorithm: str
    kid: str | None
    type: str | None
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def read_claims(self) -> dict[str, Any]:
        """Return the claims, once the signature is checked. Raises ``ProviderAnswerRefused``."""
        try:
            return read_object(self.payload)
        except Unreadable as error:
            raise ProviderAnswerRefused(f"the claims are {error}") from error


def parse_token(token: str, algorithms: Collection[str], types: Collection[str], *, max_bytes: int) -> SignedToken:
    """Take a compact token apart, or raise ``ProviderAnswerRefused``.

    It has one spelling, an algorithm of these, and no type or one of these, in lower case (RFC 8725 §3.11). Of its
    header nothing else counts: where it brings its own key or says where one is (``jwk``, ``jku``, ``x5u``, ``x5c``),
    nobody looks (RFC 8725 §3.10). What demands to be understood (``crit``) or changes what is signed (``b64``) is
    refused.
    """
    if len(token) > max_bytes:
        raise ProviderAnswerRefused(f"the token has more than {max_bytes} bytes")
    segments = token.split(".", 3)
    if len(segments) != 3:
        raise ProviderAnswerRefused("the token has not three segments")
    try:
        raw_header, payload, signature = (base64url.decode(segment) for segment in segments)
        header = read_object(raw_header)
    except (ValueError, Unreadable) as error:
        raise ProviderAnswerRefused("the token is not canonical base64url around a JSON object") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise ProviderAnswerRefused(f"the algorithm {shown(algorithm)} is not accepted")
    if "crit" in header or "b64" in header:
        raise ProviderAnswerRefused("the header has critical parameters")
    if "kid" in header and not (isinstance(kid, str) and len(kid) <= _MAX_KID):
        raise ProviderAnswerRefused("the kid is no text of a sane length")
    kind = _read_type(header)
    if kind is not None and kind not in types:
        raise ProviderAnswerRefused(f"the type {shown(kind)} is another one's")
    signed = token.rpartition(".")[0].encode("ascii")
    return SignedToken(algorithm, kid, kind, payload, signed, signature)


def is_signed_by(token: SignedToken, key: RSAKey | ECKey | OKPKey) -> bool:
    """Say whether the signature is that of a key that fits the token's algorithm.

    What is checked are the bytes that were taken apart, so nothing is read twice. joserfc's own way in warns about
    EdDSA, which RFC 9864 calls by another name, and refuses headers that have what it does not know.
    """
    model = JWSRegistry.algorithms[token.algorithm]
    try:
        model.check_key(key)
        return model.verify(token.signed, token.signature, key)
    except (JoseError, ValueError):
        return False


def _read_type(header: dict[str, Any]) -> str | None:
    kind = header.get("typ")
    if kind is None:
        return None
    if not isinstance(kind, str):
        raise ProviderAnswerRefused("the type is no text")
    # RFC 7515 §4.1.9: media types, compared without case; what precedes the slash may be left out.
    return kind.lower().removeprefix("application/")
