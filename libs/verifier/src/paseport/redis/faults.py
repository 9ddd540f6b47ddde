"""What an answer of Redis, or none, means for the caller."""

from __future__ import annotations

from typing import Final

from redis.exceptions import ResponseError

from paseport.errors import Unavailable

# The node is not, or not any more, the one to ask: it became a replica (READONLY, UNBLOCKED while a command waited,
# MASTERDOWN once it lost its own primary) or is still loading.
_ELSEWHERE: Final = frozenset({"READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED"})
# The node is right and cannot act now: no replica to confirm, memory or disk full, a script that runs too long, a
# cluster that is not whole, credentials or rights that were taken away.
_NOT_NOW: Final = frozenset(
    {"NOREPLICAS", "OOM", "MISCONF", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH", "WRONGPASS", "NOPERM"}
)


# Refusals that have no code of their own; the driver cuts off the general one, ERR.
_CODELESS: Final = (
    ("WAIT cannot be used with replica", "READONLY"),
    ("The user executing the script can't ", "NOPERM"),
)


def code_of(error: ResponseError) -> str:
    """Return the first word of an error reply, which is its code, or the code it should have."""
    text = str(error)
    for beginning, code in _CODELESS:
        if text.startswith(beginning):
            return code
    return error.status_code or text.split(" ", 1)[0]


def is_elsewhere(error: ResponseError) -> bool:
    """Say whether the reply shows that another node is the primary."""
    return code_of(error) in _ELSEWHERE


def meaning_of(error: ResponseError) -> Unavailable | None:
    """Return ``Unavailable`` for a reply that says "not here" or "not now"; None for any other, which is a bug of ours.

    None of these replies may be read as "there is no such key".
    """
    code = code_of(error)
    return Unavailable(f"Redis answered {code}") if code in _ELSEWHERE | _NOT_NOW else None
