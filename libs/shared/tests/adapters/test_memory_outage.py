import pytest
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.domain.errors import Unavailable


def test_a_store_answers_outside_the_outage_only() -> None:
    outage = MemoryOutage()
    outage.check()

    with outage, pytest.raises(Unavailable):
        outage.check()

    outage.check()


def test_an_outage_inside_an_outage_ends_with_the_outer_one() -> None:
    outage = MemoryOutage()

    with outage:
        with outage:
            pass
        with pytest.raises(Unavailable):
            outage.check()

    outage.check()


def test_an_outage_ends_when_the_rehearsal_fails() -> None:
    outage = MemoryOutage()

    with pytest.raises(ZeroDivisionError), outage:
        _ = 1 // 0

    outage.check()
