"""What came of a token when it was last looked at in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from paseport.principal import Principal


@dataclass(slots=True, eq=False)
class Verdict:
    """Somebody was let in. It holds while nothing was heard since (``revision``), for a second at most.

    ``answers`` are made from ``principal`` by whoever asks often, and live as long as it does.
    """

    principal: Principal
    revision: int
    look_again_at: float
    """Monotonic seconds."""
    begins: datetime
    ends: datetime
    answers: dict[str, bytes] = field(default_factory=dict)
