"""What a caller must hold for one operation: scopes of the token, roles of the subject.

The one place that says what "covers" and "holds" mean, for every framework and for Paseport's own services.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from paseport.errors import InsufficientRole, InsufficientScope
from paseport.principal import Principal

# RFC 6749 §3.3. Neither a quote nor a line break: what is required is repeated in a header of the refusal.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def require_scopes(principal: Principal, *scopes: str) -> None:
    """Return if the token covers all of ``scopes``; raise ``InsufficientScope`` if not.

    ``ValueError`` where none is named or one is no scope (RFC 6749 §3.3): a check that checks nothing is a mistake.
    """
    required = scopes_of(scopes)
    if not principal.scopes.issuperset(required):
        raise InsufficientScope(" ".join(required))


def require_roles(principal: Principal, *roles: str) -> None:
    """Return if the subject holds any of ``roles`` now; raise ``InsufficientRole`` if not.

    A token without scope ``roles`` carries none, whatever its subject holds. ``ValueError`` where no role is named.
    """
    required = roles_of(roles)
    if principal.roles.isdisjoint(required):
        raise InsufficientRole(f"needs one of: {', '.join(sorted(required))}")


def scopes_of(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return what a guard requires, for one that is made before anybody calls. Raises what ``require_scopes`` raises.

    A single string is refused with ``TypeError``: it would be taken for its letters.
    """
    required = _names(scopes, "scope")
    if not all(map(is_scope, required)):
        raise ValueError("a scope is one word of visible ASCII without quotes and backslashes (RFC 6749 §3.3)")
    return required


def is_scope(text: str) -> bool:
    """Tell whether it is one scope (RFC 6749 §3.3), which is safe inside a quoted header parameter."""
    return _SCOPE.fullmatch(text) is not None


def roles_of(roles: Iterable[str]) -> tuple[str, ...]:
    """Return the roles of which a guard requires one. Raises as ``scopes_of``.

    For roles the letters of a single string would be worse than useless: whoever holds role ``A`` would pass ``Admin``.
    """
    return _names(roles, "role")


def _names(names: Iterable[str], kind: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"{kind}s are given as several strings, not as one")
    required = tuple(names)
    if not required or not all(required):
        raise ValueError(f"name at least one {kind}, and no empty one")
    return required
