"""Roles that every installation has, and how many somebody may hold."""

from __future__ import annotations

from typing import Final

from paseport.subject import is_role as is_role

ADMIN: Final = "Admin"
USER: Final = "User"
MAX_ROLES_PER_USER: Final = 32
