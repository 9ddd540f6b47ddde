"""Role names: ``[A-Za-z][A-Za-z0-9_.-]{0,63}``, case-sensitive, so that a comma can join them in a header."""

from __future__ import annotations

import re
from typing import Final

ADMIN: Final = "Admin"
USER: Final = "User"
MAX_ROLES_PER_USER: Final = 32

_ROLE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


def is_role(name: str) -> bool:
    """Say whether ``name`` is a role name."""
    return _ROLE.fullmatch(name) is not None
