"""Every kind of token that must be refused, made as an attacker, or a mistaken issuer, would make it.

Each is refused for one reason only and a good token in all else. A service that accepts one has a hole, whose name is
the kind.
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from paseport import base64url
from paseport.claims import CLOCK_LEEWAY, Claims
from paseport.grammar import HEADER, MAX_TOKEN_BYTES
from paseport.rfc3339 import format_time
from paseport.v4_public import footer_for

from paseport_testkit.fake_issuer.keys import SigningKey
from paseport_testkit.fake_issuer.tokens import message_of

_ANOTHER_PURPOSE: Final = b"another purpose"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Stage(enum.StrEnum):
    """Which check refuses it, in the order of checking."""

    FORM = "form"
    KEY = "key"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    TIME = "time"


class Signature(enum.StrEnum):
    """What a PASETO library says that is given the token and the key that its ``kid`` names, and nothing else."""

    HOLDS = "holds"
    """It accepts: what refuses the token is not the signature."""
    FAILS = "fails"
    DEPENDS = "depends"
    """Libraries differ: some read base64url leniently, some give up on the size."""
    NO_KEY = "no key"
    """The token names no key of the issuer, so there is nothing to verify with."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a forger works with: good claims at this moment, and keys, of which only ``stranger`` may really be his."""

    user: Claims
    machine: Claims
    now: datetime
    active: SigningKey
    retired: SigningKey
    revoked: SigningKey
    stranger: SigningKey
    max_lifetime: timedelta = timedelta(hours=1)

    @property
    def good(self) -> str:
        """A token that nothing is wrong with."""
        return self.active.sign(message_of(self.user))

    def parts(self) -> tuple[str, str]:
        """Return the spelled payload and footer of the good token."""
        payload, _, footer = self.good.removeprefix(HEADER).partition(".")
        return payload, footer

    def said(self, **changes: object) -> str:
        """Return a signed token of the user, some claims changed."""
        return self.active.sign(message_of(self.user, changes))

    def at(self, by: timedelta) -> str:
        """Return the moment that far from now, as claims write it."""
        return format_time(self.now + by)


@dataclass(frozen=True, slots=True)
class Forgery:
    """One kind. ``about`` says what is wrong with it."""

    stage: Stage
    signature: Signature
    about: str
    make: Callable[[Bench], str]


def _respelled(change: Callable[[str, str], tuple[str, str]]) -> Callable[[Bench], str]:
    def make(bench: Bench) -> str:
        payload, footer = change(*bench.parts())
        return f"{HEADER}{payload}.{footer}"

    return make


def _stray_bits(text: str) -> str:
    """Change the bits of the last character that no byte is made of: another spelling of the same bytes."""
    return text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) ^ 1]


def _bit_flipped(at: int) -> Callable[[Bench], str]:
    def make(bench: Bench) -> str:
        payload, footer = bench.parts()
        raw = bytearray(base64url.decode(payload))
        raw[at] ^= 1
        return f"{HEADER}{base64url.encode(bytes(raw))}.{footer}"

    return make


def _with_header(header: str) -> Callable[[Bench], str]:
    return lambda bench: header + bench.good.removeprefix(HEADER)


def _with_footer(write: Callable[[str], str]) -> Callable[[Bench], str]:
    """Sign with the issuer's key over a footer that the issuer never writes."""
    return lambda bench: bench.active.sign(message_of(bench.user), write(bench.active.kid).encode())


def _changed(**changes: object) -> Callable[[Bench], str]:
    return lambda bench: bench.said(**changes)


def _unsigned_jwt(bench: Bench) -> str:
    header = base64url.encode(b'{"alg":"none","typ":"at+jwt"}')
    return f"{header}.{base64url.encode(message_of(bench.user))}."


def _oversized(bench: Bench) -> str:
    return bench.said(padding="p" * MAX_TOKEN_BYTES)


def _payload_replaced(bench: Bench) -> str:
    """Put what the attacker would like to be true in front of a signature over something else."""
    payload, footer = bench.parts()
    signature = base64url.decode(payload)[-64:]
    wish = message_of(bench.user, {"sub": "00000000-0000-4000-8000-000000000000"})
    return f"{HEADER}{base64url.encode(wish + signature)}.{footer}"


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4 or 4)


def _other_alphabet(bench: Bench) -> str:
    """Spell the payload in the alphabet of base64 with + and / (a ``padding`` makes sure that both occur)."""
    payload, _, footer = bench.said(padding=">>>>>?????").removeprefix(HEADER).partition(".")
    standard = base64.b64encode(base64url.decode(payload)).rstrip(b"=").decode()
    return f"{HEADER}{standard}.{footer}"


_FORM_DEPENDS: Final = (Stage.FORM, Signature.DEPENDS)
_FORM_HOLDS: Final = (Stage.FORM, Signature.HOLDS)
_FORM_NO_KEY: Final = (Stage.FORM, Signature.NO_KEY)
_CLAIMS: Final = (Stage.CLAIMS, Signature.HOLDS)
_TIME: Final = (Stage.TIME, Signature.HOLDS)
_SECOND: Final = timedelta(seconds=1)

FORGERIES: Final[Mapping[str, Forgery]] = MappingProxyType(
    {
        # It is not an access token at all, or not spelled as the issuer spells one.
        "nonsense": Forgery(*_FORM_NO_KEY, "no token of any kind", lambda _: "nonsense"),
        "unsigned_jwt": Forgery(*_FORM_NO_KEY, "a JSON Web Token with alg none and the right claims", _unsigned_jwt),
        "refresh_token": Forgery(*_FORM_NO_KEY, "another credential of the same issuer", lambda _: _REFRESH_TOKEN),
        "other_version": Forgery(Stage.FORM, Signature.FAILS, "the header says v2.public", _with_header("v2.public.")),
        "other_purpose": Forgery(Stage.FORM, Signature.FAILS, "the header says v4.local", _with_header("v4.local.")),
        "header_in_capitals": Forgery(
            Stage.FORM, Signature.FAILS, "the header says V4.PUBLIC", _with_header("V4.PUBLIC.")
        ),
        "oversized": Forgery(*_FORM_HOLDS, "longer than 4,096 bytes", _oversized),
        "line_end": Forgery(*_FORM_DEPENDS, "a line end after the footer", lambda bench: bench.good + "\n"),
        "fifth_segment": Forgery(*_FORM_DEPENDS, "something after the footer", lambda bench: bench.good + ".AA"),
        "padded_payload": Forgery(
            *_FORM_DEPENDS, "base64 padding after the payload", _respelled(lambda p, f: (_padded(p), f))
        ),
        "padded_footer": Forgery(
            *_FORM_DEPENDS, "base64 padding after the footer", _respelled(lambda p, f: (p, _padded(f)))
        ),
        "junk_in_payload": Forgery(
            *_FORM_DEPENDS,
            "a character that is not of the alphabet",
            _respelled(lambda p, f: (f"{p[:20]}!{p[20:]}", f)),
        ),
        "other_alphabet": Forgery(*_FORM_DEPENDS, "base64 with + and / instead of - and _", _other_alphabet),
        "stray_bits_in_footer": Forgery(
            *_FORM_DEPENDS, "the last character carries bits of no byte", _respelled(lambda p, f: (p, _stray_bits(f)))
        ),
        "truncated": Forgery(
            Stage.FORM, Signature.FAILS, "a payload shorter than a signature", _respelled(lambda p, f: (p[:40], f))
        ),
        "no_footer": Forgery(
            *_FORM_NO_KEY, "no footer, so no key is named", lambda bench: bench.active.sign(message_of(bench.user), b"")
        ),
        "footer_with_more": Forgery(
            *_FORM_HOLDS, "a footer with a second member", _with_footer(lambda kid: f'{{"kid":"{kid}","x":1}}')
        ),
        "footer_with_spaces": Forgery(
            *_FORM_HOLDS, "a footer in another spelling", _with_footer(lambda kid: f'{{"kid": "{kid}"}}')
        ),
        "footer_names_key_twice": Forgery(
            *_FORM_HOLDS, "two kid members in the footer", _with_footer(lambda kid: f'{{"kid":"{kid}","kid":"{kid}"}}')
        ),
        "footer_not_a_key_id": Forgery(*_FORM_NO_KEY, "a kid that is no k4.pid", _with_footer(lambda _: '{"kid":"1"}')),
        # The key that it names does not count.
        "unknown_key": Forgery(
            Stage.KEY,
            Signature.NO_KEY,
            "signed by a key that is not the issuer's, named as it is",
            lambda bench: bench.stranger.sign(message_of(bench.user)),
        ),
        "retired_key": Forgery(
            Stage.KEY,
            Signature.HOLDS,
            "signed by a key of the issuer that is retired",
            lambda bench: bench.retired.sign(message_of(bench.user)),
        ),
        "revoked_key": Forgery(
            Stage.KEY,
            Signature.HOLDS,
            "signed by a key of the issuer that was revoked",
            lambda bench: bench.revoked.sign(message_of(bench.user)),
        ),
        # Nobody who has the key that it names signed this.
        "stolen_key_id": Forgery(
            Stage.SIGNATURE,
            Signature.FAILS,
            "signed by a stranger under the issuer's kid",
            lambda bench: bench.stranger.sign(message_of(bench.user), footer_for(bench.active.kid)),
        ),
        "other_key_id": Forgery(
            Stage.SIGNATURE,
            Signature.FAILS,
            "signed by a revoked key under the kid of the active one",
            lambda bench: bench.revoked.sign(message_of(bench.user), footer_for(bench.active.kid)),
        ),
        "changed_payload": Forgery(Stage.SIGNATURE, Signature.FAILS, "another sub than was signed", _payload_replaced),
        "flipped_bit_in_payload": Forgery(Stage.SIGNATURE, Signature.FAILS, "one bit of the message", _bit_flipped(10)),
        "flipped_bit_in_signature": Forgery(
            Stage.SIGNATURE, Signature.FAILS, "one bit of the signature", _bit_flipped(-40)
        ),
        "other_implicit_assertion": Forgery(
            Stage.SIGNATURE,
            Signature.FAILS,
            "signed by the right key with an implicit assertion: for another purpose",
            lambda bench: bench.active.sign(message_of(bench.user), implicit_assertion=_ANOTHER_PURPOSE),
        ),
        # The issuer signed it, for something else.
        "not_json": Forgery(*_CLAIMS, "a message that is not JSON", lambda bench: bench.active.sign(b"\xff\xfe")),
        "not_an_object": Forgery(*_CLAIMS, "a message that is a JSON array", lambda bench: bench.active.sign(b"[]")),
        "other_issuer": Forgery(*_CLAIMS, "iss is another issuer", _changed(iss="https://auth.example.net")),
        "issuer_with_slash": Forgery(
            *_CLAIMS, "iss with a slash at the end", lambda bench: bench.said(iss=bench.user.issuer + "/")
        ),
        "other_audience": Forgery(*_CLAIMS, "aud is another service", _changed(aud="https://elsewhere.example")),
        "audience_list": Forgery(
            *_CLAIMS, "aud is a list with the right one in it", lambda bench: bench.said(aud=[bench.user.audience])
        ),
        "other_type": Forgery(*_CLAIMS, "typ is not access", _changed(typ="id")),
        "no_type": Forgery(*_CLAIMS, "no typ", _changed(typ=None)),
        "no_token_id": Forgery(*_CLAIMS, "no jti, so that it cannot be revoked", _changed(jti=None)),
        "no_subject": Forgery(*_CLAIMS, "no sub", _changed(sub=None)),
        "no_family": Forgery(*_CLAIMS, "a user's token without fid", _changed(fid=None)),
        "no_version": Forgery(*_CLAIMS, "a user's token without ver", _changed(ver=None)),
        "version_as_text": Forgery(*_CLAIMS, "ver is a string", _changed(ver="1")),
        "subject_in_capitals": Forgery(
            *_CLAIMS,
            "the sub of a user in capitals: no revocation would find it",
            lambda bench: bench.said(sub=_in_capitals(bench.user.subject)),
        ),
        "machine_with_session": Forgery(
            *_CLAIMS,
            "a machine's token with the sid of a user's session",
            lambda bench: bench.active.sign(message_of(bench.machine, {"sid": bench.user.session_id})),
        ),
        "machine_as_user": Forgery(
            *_CLAIMS,
            "a machine's token whose sub is a user",
            lambda bench: bench.active.sign(message_of(replace(bench.machine, subject=bench.user.subject))),
        ),
        # It was good, will be good, or would be good for longer than anything may be.
        "expired": Forgery(
            *_TIME,
            "exp was a second ago; it has no leeway",
            lambda bench: bench.said(exp=bench.at(-_SECOND), iat=bench.at(-60 * _SECOND), nbf=bench.at(-60 * _SECOND)),
        ),
        "not_yet_good": Forgery(
            *_TIME,
            "nbf is further ahead than clocks may differ",
            lambda bench: bench.said(nbf=bench.at(CLOCK_LEEWAY + 30 * _SECOND)),
        ),
        "issued_in_the_future": Forgery(
            *_TIME,
            "iat is further ahead than clocks may differ",
            lambda bench: bench.said(iat=bench.at(CLOCK_LEEWAY + 30 * _SECOND)),
        ),
        "never_expires": Forgery(*_TIME, "no exp", _changed(exp=None)),
        "lives_too_long": Forgery(
            *_TIME,
            "exp - iat is longer than the permitted lifetime",
            lambda bench: bench.said(exp=bench.at(bench.max_lifetime + _SECOND), iat=bench.at(timedelta(0))),
        ),
        "ends_before_it_begins": Forgery(
            *_TIME,
            "exp is before iat",
            lambda bench: bench.said(exp=bench.at(5 * _SECOND), iat=bench.at(10 * _SECOND), nbf=bench.at(-5 * _SECOND)),
        ),
        "time_as_number": Forgery(
            *_TIME,
            "exp in seconds, as a JSON Web Token has it",
            lambda bench: bench.said(exp=int(bench.user.expires_at.timestamp())),
        ),
        "time_with_offset": Forgery(
            *_TIME,
            "exp with an offset instead of Z",
            lambda bench: bench.said(exp=bench.at(300 * _SECOND).replace("Z", "+00:00")),
        ),
    }
)

# Of the right form, of no family that exists.
_REFRESH_TOKEN: Final = "prt_4fJ0cW2vQ9sZ1xYb7uTgKd_12_9aXkQ0pLmN3rS5tV7wY9zB1cD3eF5gH7jK9mN1pQ3_2Kd9fA"


def _in_capitals(subject: str) -> str:
    """Write a UUID in capitals; one without letters gets a brace, which many parsers forgive as well."""
    return subject.upper() if subject.upper() != subject else f"{{{subject}}}"
