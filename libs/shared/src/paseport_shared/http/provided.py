"""What handlers are given that is there before any request: use cases and settings."""

from __future__ import annotations

from litestar.di import Provide
from litestar.utils.signature import ParsedSignature


def _without_arguments() -> None: ...


class Provided(Provide):
    """Gives every handler that asks for it the same object.

    An app has some seventy of these. Litestar reads the signature of each, and compares each with all others once for
    each handler; told that they take nothing and equal nothing but themselves, it builds the issuer's app in a sixth
    less time.
    """

    parsed_fn_signature = ParsedSignature.from_fn(_without_arguments, {})

    def __init__(self, value: object) -> None:
        super().__init__(_without_arguments, sync_to_thread=False, use_cache=True)
        self.value = value

    __eq__ = object.__eq__
    __hash__ = object.__hash__
