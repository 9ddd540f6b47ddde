"""Base62 in fixed width: the alphabet of every credential that Paseport hands out.

Fixed width and a range check make the encoding canonical: a value has exactly one spelling, so a credential that
passed its grammar can be used as a key.
"""

from __future__ import annotations

import re
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]

WIDTH_128 = 22
WIDTH_256 = 43
WIDTH_CRC32 = 6

ID_128 = re.compile(rf"[{ALPHABET}]{{{WIDTH_128}}}")


def encode(value: int, width: int) -> str:
    """Return ``value`` in base62, padded with zeros to ``width`` characters; ValueError if it does not fit."""
    digits = []
    rest = value
    for _ in range(width):
        rest, digit = divmod(rest, 62)
        digits.append(ALPHABET[digit])
    if rest or value < 0:
        message = "value does not fit the width"
        raise ValueError(message)
    return "".join(reversed(digits))


def decode(text: str) -> int:
    """Return the number that ``text`` spells; KeyError on a foreign character."""
    value = 0
    for character in text:
        value = value * 62 + _VALUE[character]
    return value


def encode_bytes(value: bytes) -> str:
    """Return 16 or 32 bytes as 22 or 43 characters."""
    width = {16: WIDTH_128, 32: WIDTH_256}[len(value)]
    return encode(int.from_bytes(value), width)


def crc(text: str) -> str:
    """Return the CRC32 of ``text`` as 6 characters: lets scanners and typos be told apart without I/O."""
    # Two characters at a time: each credential that is presented is checked by it, junk above all.
    rest, last = divmod(zlib.crc32(text.encode()), len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]
