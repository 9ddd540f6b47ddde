"""A value that must not appear in a log, a trace or an error."""

from __future__ import annotations

import hmac
from typing import Generic, TypeVar

_Value = TypeVar("_Value", bound=str | bytes)


class Secret(Generic[_Value]):
    """Holds a secret; ``repr``, ``str`` and formatting never show it, equality takes constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: _Value) -> None:
        self._value = value

    def reveal(self) -> _Value:
        """Return the secret itself. Call it where the value is used, not earlier."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str:
        message = "a Secret is not pickled"
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._value), _as_bytes(other._value))

    def __hash__(self) -> int:
        return hash(_as_bytes(self._value))


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
