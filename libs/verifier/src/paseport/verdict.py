"""What came of a token when it was last looked at in full."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from paseport.principal import Principal


@dataclass(slots=True, eq=False)
class Verdict:
    """Somebody was let in. It holds while nothing was heard since (``revision``) and the token's time has not ended.

    At ``look_again_at`` all is looked at anew.

    ``answers`` are made from ``principal`` by whoever asks often, and live as long as it does.
    """

    principal: Principal
    revision: int
    look_again_at: float
    """Monotonic seconds."""
    begins: datetime
    ends: datetime
    answers: dict[str, Any] = field(default_factory=dict)
