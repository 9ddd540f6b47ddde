"""What can be measured, in the order of the table. Each part is a coroutine function without arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from bench.figures import Figure
from bench.parts.bulk_import import measure_bulk_import
from bench.parts.dashboard import measure_dashboard
from bench.parts.documents import measure_documents
from bench.parts.forged import measure_forged
from bench.parts.forward_auth import measure_forward_auth
from bench.parts.login import measure_login
from bench.parts.login_timing import measure_login_timing
from bench.parts.memory import measure_memory
from bench.parts.primitives import measure_primitives
from bench.parts.race import measure_race
from bench.parts.refresh import measure_refresh
from bench.parts.stack_api_keys import measure_stack_api_keys
from bench.parts.stack_exchange import measure_stack_exchange
from bench.parts.stack_memory import measure_stack_memory
from bench.parts.stack_race import measure_stack_race
from bench.parts.stack_rate import measure_stack_rate
from bench.parts.stack_refresh import measure_stack_refresh
from bench.parts.stack_revocation import measure_stack_revocation
from bench.parts.stack_rotation import measure_stack_rotation
from bench.parts.stack_signing import measure_stack_signing
from bench.parts.start import measure_start
from bench.parts.verify import measure_verify
from bench.parts.verify_memory import measure_verify_memory
from bench.parts.verify_oauth2_proxy import measure_verify_oauth2_proxy
from bench.parts.verify_revocations import measure_verify_revocations

Part = Callable[[], Awaitable[Sequence[Figure]]]

OAUTH2_PROXY: Final = "verify-oauth2-proxy"
"""Needs a program that nothing else does."""
EMBEDDED_PARTS: Final[Mapping[str, Part]] = {
    "start": measure_start,
    "memory": measure_memory,
    "login": measure_login,
    "refresh": measure_refresh,
    "dashboard": measure_dashboard,
    "documents": measure_documents,
    "bulk-import": measure_bulk_import,
    "race": measure_race,
    "login-timing": measure_login_timing,
    "primitives": measure_primitives,
    "verify": measure_verify,
    "verify-memory": measure_verify_memory,
    "verify-revocations": measure_verify_revocations,
    OAUTH2_PROXY: measure_verify_oauth2_proxy,
    "forged": measure_forged,
}
FORWARD_AUTH: Final = "forward-auth"
"""Needs Redis and nginx, and nothing else of the stack."""
STACK: Final = "stack"
"""The name of all parts that need real servers."""
STACK_PARTS: Final[Mapping[str, Part]] = {
    "stack-refresh": measure_stack_refresh,
    "stack-exchange": measure_stack_exchange,
    "stack-signing": measure_stack_signing,
    "stack-rate": measure_stack_rate,
    "stack-memory": measure_stack_memory,
    "stack-race": measure_stack_race,
    "stack-revocation": measure_stack_revocation,
}
STACK_ROTATION: Final = "stack-rotation"
"""Takes half an hour."""
NAMED_PARTS: Final[Mapping[str, Part]] = {
    "stack-api-keys": measure_stack_api_keys,
    STACK_ROTATION: measure_stack_rotation,
}
"""What takes long, and so is measured only where somebody names it."""
PARTS: Final[Mapping[str, Part]] = {
    **EMBEDDED_PARTS,
    FORWARD_AUTH: measure_forward_auth,
    **STACK_PARTS,
    **NAMED_PARTS,
}
