"""Keeps out of a service what it would load and never use; whoever wants that imports this before anything else.

structlog and httpx load what draws coloured tables where that is installed, as it is with the command line: 4 MiB in
each worker. Litestar loads pydantic and attrs where somebody beside it wants them: 9 MiB. ``None`` is how Python is
told that a module is not there (the import system, "The module cache"), and all three do without.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final, cast

_NOT_THERE: Final = cast(ModuleType, None)

for _name in ("rich", "httpx._main", "pydantic", "attr", "attrs"):
    sys.modules.setdefault(_name, _NOT_THERE)
