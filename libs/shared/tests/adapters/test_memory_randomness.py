import pytest
from contracts.randomness import RandomnessContract
from paseport_shared.adapters.memory.randomness import SeededRandomness


class TestSeededRandomness(RandomnessContract):
    @pytest.fixture
    def randomness(self) -> SeededRandomness:
        return SeededRandomness(7)

    def test_a_test_that_names_a_seed_can_be_repeated(self) -> None:
        first, second = SeededRandomness(7), SeededRandomness(7)

        assert [first.token_bytes(16) for _ in range(9)] == [second.token_bytes(16) for _ in range(9)]

    def test_another_seed_gives_other_bytes(self) -> None:
        assert SeededRandomness(7).token_bytes(16) != SeededRandomness(8).token_bytes(16)
