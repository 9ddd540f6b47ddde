"""What every ``KeyHolder`` promises."""

import pytest
from contracts.rsa_signer import kid_of as rsa_kid_of
from contracts.support import Unreachable, crowd
from paseport.paserk import public_key_id
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import KeyAlgorithm
from paseport_shared.domain.ports.key_holder import KeyHolder


class KeyHolderContract:
    """The adapter's file supplies the fixtures ``holder``, of a key with one version, which lets us make others; and
    ``unreachable``, inside which it does not tell of any. Where the key is an RSA key it says so."""

    algorithm = KeyAlgorithm.ED25519

    async def test_the_issuer_reads_every_version_with_the_id_of_its_key(self, holder: KeyHolder) -> None:
        """KR-06: named by what they are. Twelve versions: their order is that of numbers, not of text."""
        made = [await holder.create_version() for _ in range(11)]

        versions = await holder.versions()

        assert list(versions[1:]) == made
        assert [held.version for held in versions] == list(range(1, 13))
        kid_of = rsa_kid_of if self.algorithm is KeyAlgorithm.RS256 else public_key_id
        assert [held.kid for held in versions] == [kid_of(held.public_key) for held in versions]
        assert {held.algorithm for held in versions} == {self.algorithm}
        assert len({held.kid for held in versions}) == 12
        assert [held.created_at for held in versions] == sorted(held.created_at for held in versions)
        assert all(held.created_at.tzinfo is not None for held in versions)

    async def test_a_new_version_leaves_earlier_ones_as_they_were(self, holder: KeyHolder) -> None:
        (first,) = await holder.versions()

        made = await holder.create_version()

        assert made.version > first.version
        assert await holder.versions() == (first, made)

    async def test_versions_that_are_made_at_the_same_time_are_different_ones(self, holder: KeyHolder) -> None:
        """KR-06: none takes the number or the place of another."""
        await crowd(holder.create_version, 5)

        versions = await holder.versions()
        assert [held.version for held in versions] == [1, 2, 3, 4, 5, 6]
        assert len({held.kid for held in versions}) == 6

    async def test_callers_at_the_same_time_read_the_same(self, holder: KeyHolder) -> None:
        answers = await crowd(holder.versions, 20)

        assert len(set(answers)) == 1

    async def test_a_holder_that_does_not_answer_loses_nothing_and_makes_versions_afterwards(
        self, holder: KeyHolder, unreachable: Unreachable
    ) -> None:
        """Whether it made one although its answer was lost is not known."""
        (first,) = await holder.versions()

        async with unreachable:
            with pytest.raises(Unavailable):
                await holder.create_version()

        made = await holder.create_version()
        versions = await holder.versions()
        assert (versions[0], versions[-1]) == (first, made)


class RemoteKeyHolderContract(KeyHolderContract):
    """Of a holder elsewhere; inside ``unreachable`` it does not answer."""

    async def test_a_holder_that_does_not_answer_is_unavailable_and_not_without_keys(
        self, holder: KeyHolder, unreachable: Unreachable
    ) -> None:
        """KR-08."""
        async with unreachable:
            with pytest.raises(Unavailable):
                await holder.versions()

        assert len(await holder.versions()) == 1
