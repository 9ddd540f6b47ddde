"""Tokens that nobody issued, in bulk: what a verifier has to refuse, however close it comes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paseport import base64url
from paseport.grammar import parse_token
from paseport.paserk import public_key_id
from paseport.v4_public import assemble, footer_for, signing_input

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""Of base64url (RFC 4648 §5)."""


class Forger:
    """Makes forgeries from genuine tokens (two or more) without the issuer's key; reproducible by its seed."""

    def __init__(self, genuine: Sequence[str], seed: int) -> None:
        self._genuine = genuine
        self._random = random.Random(seed)  # noqa: S311 - nothing is kept secret with it, and it has to repeat
        self._own_key = Ed25519PrivateKey.from_private_bytes(self._random.randbytes(32))
        self._own_footer = footer_for(public_key_id(self._own_key.public_key().public_bytes_raw()))
        self._ways = [
            self._character_replaced,
            self._character_inserted,
            self._bit_flipped,
            self._cut,
            self._respelled,
            self._segments_swapped,
            self._halves_of_two_tokens,
            self._other_header,
            self._signed_by_another_key,
            self._random_signature,
            self._noise,
        ]

    def forgery(self) -> str:
        """Return another one. None equals a token that was issued."""
        return self._random.choice(self._ways)(self._random.choice(self._genuine))

    def _character_replaced(self, token: str) -> str:
        at = self._random.randrange(len(token))
        return token[:at] + self._random.choice(ALPHABET.replace(token[at], "")) + token[at + 1 :]

    def _character_inserted(self, token: str) -> str:
        at = self._random.randrange(len(token) + 1)
        return token[:at] + self._random.choice(ALPHABET + "=.+/\n\x00é") + token[at:]

    def _bit_flipped(self, token: str) -> str:
        parsed = parse_token(token)
        payload = bytearray(parsed.message + parsed.signature)
        payload[self._random.randrange(len(payload))] ^= 1 << self._random.randrange(8)
        return f"v4.public.{base64url.encode(bytes(payload))}.{base64url.encode(parsed.footer)}"

    def _cut(self, token: str) -> str:
        return token[: self._random.randrange(len(token))]

    def _respelled(self, token: str) -> str:
        """The same bytes for a lenient decoder."""
        _, _, payload, footer = token.split(".")
        ignored = self._random.choice("!#$%&*:;@~ \t\r\n")
        at = self._random.randrange(len(payload))
        return self._random.choice(
            [
                f"{token}=",
                f"{token}==",
                f"v4.public.{payload}=.{footer}",
                f"v4.public.{payload[:at]}{ignored}{payload[at:]}.{footer}",
                token[:-1] + chr(ord(token[-1]) + 1),
            ]
        )

    def _segments_swapped(self, token: str) -> str:
        version, purpose, payload, footer = token.split(".")
        return f"{version}.{purpose}.{footer}.{payload}"

    def _halves_of_two_tokens(self, token: str) -> str:
        """The message of one token under the signature of another."""
        other = self._random.choice([genuine for genuine in self._genuine[:20] if genuine != token])
        donor, receiver = parse_token(token), parse_token(other)
        return assemble(receiver.message, donor.signature, donor.footer)

    def _other_header(self, token: str) -> str:
        header = self._random.choice(["v2.public.", "v3.public.", "v4.local.", "V4.public.", "v4.public"])
        return header + token.removeprefix("v4.public.")

    def _signed_by_another_key(self, token: str) -> str:
        parsed = parse_token(token)
        footer = self._random.choice([parsed.footer, self._own_footer])
        return assemble(parsed.message, self._own_key.sign(signing_input(parsed.message, footer)), footer)

    def _random_signature(self, token: str) -> str:
        parsed = parse_token(token)
        return assemble(parsed.message, self._random.randbytes(64), parsed.footer)

    def _noise(self, token: str) -> str:
        return "v4.public." + "".join(self._random.choices(ALPHABET + ".", k=self._random.randrange(200)))
