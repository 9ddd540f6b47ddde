"""What every ``SigningKeys`` and every ``VerificationKeys`` promises."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from contracts.rsa_signer import kid_of as rsa_kid_of
from contracts.support import crowd
from paseport.paserk import public_key_id
from paseport_shared.adapters.memory.clock import ManualClock
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus, VerificationKey
from paseport_shared.domain.ports.signing_keys import PastKeys, SigningKeys, VerificationKeys

EVERY_STATUS = (KeyStatus.RETIRED, KeyStatus.REVOKED, KeyStatus.RETIRING, KeyStatus.ACTIVE, KeyStatus.PUBLISHED)

MakeSigningKeys = Callable[[Sequence[KeyStatus]], Awaitable[SigningKeys]]
"""Given the states of versions 1, 2, 3 …, make them."""


class SigningKeysContract:
    """The adapter's file supplies the fixture ``make_signing_keys`` (``MakeSigningKeys``). Where the keys are RSA keys
    it says so."""

    algorithm = KeyAlgorithm.ED25519

    async def test_the_issuer_signs_with_the_one_active_version(self, make_signing_keys: MakeSigningKeys) -> None:
        key = await (await make_signing_keys(EVERY_STATUS)).active()

        assert (key.version, key.status) == (4, KeyStatus.ACTIVE)

    async def test_a_key_is_named_by_what_it_is(self, make_signing_keys: MakeSigningKeys) -> None:
        """KR-06: the id is computed from the key, so another key has another id."""
        keys = await (await make_signing_keys([KeyStatus.RETIRING, KeyStatus.ACTIVE])).published()

        kid_of = rsa_kid_of if self.algorithm is KeyAlgorithm.RS256 else public_key_id
        assert [key.kid for key in keys] == [kid_of(key.public_key) for key in keys]
        assert {key.algorithm for key in keys} == {self.algorithm}
        assert len({key.kid for key in keys}) == 2

    async def test_the_key_document_names_every_version_but_retired_ones_oldest_first(
        self, make_signing_keys: MakeSigningKeys
    ) -> None:
        """KR-02: the next key is published before it signs. KR-04: verifiers are told of a revoked one."""
        published = await (await make_signing_keys(EVERY_STATUS)).published()

        assert [(key.version, key.status) for key in published] == list(enumerate(EVERY_STATUS, start=1))[1:]

    @pytest.mark.parametrize("statuses", [[KeyStatus.PUBLISHED], [KeyStatus.RETIRING, KeyStatus.REVOKED]])
    async def test_nothing_is_signed_while_no_version_is_active(
        self, make_signing_keys: MakeSigningKeys, statuses: Sequence[KeyStatus]
    ) -> None:
        """KR-04: after an emergency revocation the issuer stops; it does not fall back on another version."""
        keys = await make_signing_keys(statuses)

        with pytest.raises(Unavailable):
            await keys.active()

    async def test_callers_at_the_same_time_get_the_same_key(self, make_signing_keys: MakeSigningKeys) -> None:
        keys = await make_signing_keys([KeyStatus.ACTIVE])

        answers = await crowd(keys.active)

        assert len(set(answers)) == 1


class VerificationKeysContract:
    """The adapter's file supplies the fixtures ``clock``; ``published``, one key in each state of ``EVERY_STATUS``, in
    this order and with a ``not_after`` in an hour; and ``keys``, which knows them."""

    @pytest.mark.parametrize("status", [KeyStatus.PUBLISHED, KeyStatus.ACTIVE, KeyStatus.RETIRING])
    async def test_a_verifier_finds_a_key_by_its_id(
        self, keys: VerificationKeys, published: Sequence[VerificationKey], status: KeyStatus
    ) -> None:
        key = published[EVERY_STATUS.index(status)]

        found = await keys.find(key.kid)

        assert found is not None
        assert (found.kid, found.public_key, found.status) == (key.kid, key.public_key, status)
        assert (found.not_before, found.not_after) == (key.not_before, key.not_after)
        assert found.verifies

    @pytest.mark.parametrize("status", [KeyStatus.RETIRED, KeyStatus.REVOKED])
    async def test_a_retired_or_revoked_key_verifies_nothing(
        self, keys: VerificationKeys, published: Sequence[VerificationKey], status: KeyStatus
    ) -> None:
        """KR-04."""
        assert await keys.find(published[EVERY_STATUS.index(status)].kid) is None

    async def test_a_key_ends_at_its_not_after(
        self, keys: VerificationKeys, published: Sequence[VerificationKey], clock: ManualClock
    ) -> None:
        kid = published[EVERY_STATUS.index(KeyStatus.ACTIVE)].kid

        clock.advance(timedelta(hours=1, seconds=-1))
        before = await keys.find(kid)
        clock.advance(timedelta(seconds=1))
        after = await keys.find(kid)

        assert before is not None
        assert after is None

    async def test_a_stranger_s_key_id_finds_nothing(self, keys: VerificationKeys) -> None:
        """TK-06."""
        assert await keys.find(public_key_id(b"a key that nobody published here")) is None

    async def test_callers_at_the_same_time_find_the_same_key(
        self, keys: VerificationKeys, published: Sequence[VerificationKey]
    ) -> None:
        kid = published[EVERY_STATUS.index(KeyStatus.ACTIVE)].kid

        answers = await crowd(lambda: keys.find(kid))

        assert None not in answers
        assert len(set(answers)) == 1


class PastKeysContract:
    """The adapter's file supplies the fixtures ``clock``; ``published``, one key in each state of ``EVERY_STATUS``, in
    this order and with a ``not_after`` in an hour; and ``past_keys``, which knows them."""

    @pytest.mark.parametrize("status", [status for status in EVERY_STATUS if status is not KeyStatus.REVOKED])
    async def test_an_old_token_is_recognised_by_its_key_however_old(
        self, past_keys: PastKeys, published: Sequence[VerificationKey], clock: ManualClock, status: KeyStatus
    ) -> None:
        """AZ-17: somebody signs out of an app that they signed in to a year ago."""
        key = published[EVERY_STATUS.index(status)]

        clock.advance(timedelta(days=365))

        assert await past_keys.find_past(key.kid) == key

    async def test_a_revoked_key_recognises_nothing(
        self, past_keys: PastKeys, published: Sequence[VerificationKey]
    ) -> None:
        """KR-04: whoever has it signs hints of any age."""
        assert await past_keys.find_past(published[EVERY_STATUS.index(KeyStatus.REVOKED)].kid) is None

    async def test_a_key_that_nobody_has_seen_recognises_nothing(self, past_keys: PastKeys) -> None:
        assert await past_keys.find_past("A" * 43) is None
