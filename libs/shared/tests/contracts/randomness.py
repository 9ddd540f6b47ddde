"""What every source of randomness promises."""

import pytest
from paseport_shared.domain.ports.randomness import Randomness


class RandomnessContract:
    """The adapter's file supplies the fixture ``randomness``."""

    @pytest.mark.parametrize("size", [0, 1, 10, 16, 32, 1000])
    def test_a_caller_gets_as_many_bytes_as_asked_for(self, randomness: Randomness, size: int) -> None:
        assert len(randomness.token_bytes(size)) == size

    def test_no_two_callers_get_the_same_bytes(self, randomness: Randomness) -> None:
        draws = [randomness.token_bytes(16) for _ in range(10_000)]

        assert len(set(draws)) == len(draws)

    def test_every_bit_is_drawn(self, randomness: Randomness) -> None:
        draws = [int.from_bytes(randomness.token_bytes(16)) for _ in range(200)]

        ever_set, ever_clear = 0, 0
        for draw in draws:
            ever_set |= draw
            ever_clear |= ~draw
        assert ever_set == (1 << 128) - 1
        assert ever_clear & ((1 << 128) - 1) == (1 << 128) - 1
