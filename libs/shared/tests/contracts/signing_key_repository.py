"""What every ``SigningKeyRepository`` promises."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from contracts.record_samples import NOW
from paseport.paserk import public_key_id
from paseport_shared.domain.errors import AlreadyExists, NotFound, PreconditionFailed, Unavailable
from paseport_shared.domain.models.rsa_public_key import MAX_BITS, RsaPublicKey
from paseport_shared.domain.models.signing_key import KeyAlgorithm, KeyStatus, SigningKey, VerificationKey
from paseport_shared.domain.ports.record import Record, RecordTransaction

LATER = NOW + timedelta(seconds=1)
KEY_NAME = "paseport-access"


def a_signing_key(version: int, status: KeyStatus = KeyStatus.PUBLISHED, **changes: Any) -> SigningKey:
    """The version numbered so; each has a public key of its own."""
    public_key = version.to_bytes(32)
    key = VerificationKey(version, public_key_id(public_key), public_key, status, NOW, None)
    return replace(SigningKey(KEY_NAME, key, NOW), **changes)


def an_id_signing_key(version: int, status: KeyStatus = KeyStatus.PUBLISHED) -> SigningKey:
    """The version of the ID-token key numbered so, as large as such a key may be."""
    public_key = RsaPublicKey((1 << MAX_BITS - 1) + (version << 1) + 1)
    key = VerificationKey(version, public_key.kid, public_key.to_bytes(), status, NOW, None, KeyAlgorithm.RS256)
    return SigningKey("paseport-id", key, NOW)


class SigningKeyRepositoryContract:
    """An adapter's test supplies the fixture ``record``, empty."""

    @pytest.mark.parametrize("status", KeyStatus)
    @pytest.mark.parametrize("not_after", [None, LATER])
    async def test_the_issuer_reads_back_what_is_on_record(
        self, record: Record, status: KeyStatus, not_after: datetime | None
    ) -> None:
        stored = a_signing_key(7, status, changed_at=LATER)
        stored = replace(stored, key=replace(stored.key, not_after=not_after))
        await add(record, stored)

        assert await versions(record) == (stored,)

    async def test_keys_that_sign_different_tokens_are_kept_as_what_they_are(self, record: Record) -> None:
        """An Ed25519 key of 32 bytes beside an RSA key of 4,096 bits, each with an ACTIVE version of its own."""
        access, first, second = (
            a_signing_key(1, KeyStatus.ACTIVE),
            an_id_signing_key(1, KeyStatus.ACTIVE),
            an_id_signing_key(2),
        )
        await add(record, access, first, second)

        assert await versions(record) == (access,)
        assert await versions(record, "paseport-id") == (first, second)

        with pytest.raises(AlreadyExists) as refusal:
            await add(record, replace(first, key_name="another"))
        assert refusal.value.field == "kid"

    async def test_every_version_is_listed_by_age_and_no_other_key_s(self, record: Record) -> None:
        other = a_signing_key(3, key_name="paseport-Access")
        stored = {number: a_signing_key(number, status) for number, status in enumerate(KeyStatus, start=9)}
        await add(record, *reversed(stored.values()), other)

        assert await versions(record) == tuple(stored.values())
        assert await versions(record, "paseport-Access") == (other,)
        assert await versions(record, "paseport-access ") == ()

    async def test_a_version_is_recorded_once(self, record: Record) -> None:
        """Two issuers start at once: one records the version, the other is told so."""
        await add(record, a_signing_key(1))

        with pytest.raises(AlreadyExists) as refusal:
            await add(record, replace(a_signing_key(2), key=replace(a_signing_key(2).key, version=1)))

        assert refusal.value.field == "version"
        assert await versions(record) == (a_signing_key(1),)

    async def test_a_key_id_stands_for_one_version_of_one_key(self, record: Record) -> None:
        """KR-06: no kid is used again."""
        await add(record, a_signing_key(1))

        for again in (
            replace(a_signing_key(1), key=replace(a_signing_key(1).key, version=2)),
            a_signing_key(1, key_name="another"),
        ):
            with pytest.raises(AlreadyExists) as refusal:
                await add(record, again)
            assert refusal.value.field == "kid"

        assert await versions(record) == (a_signing_key(1),)

    async def test_a_second_active_version_is_refused(self, record: Record) -> None:
        """KR-01: who signs is never in doubt."""
        await add(record, a_signing_key(1, KeyStatus.ACTIVE), a_signing_key(2))

        with pytest.raises(AlreadyExists) as added:
            await add(record, a_signing_key(3, KeyStatus.ACTIVE))
        with pytest.raises(AlreadyExists) as changed:
            await change(record, 2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE)

        assert (added.value.field, changed.value.field) == ("status", "status")
        assert await versions(record) == (a_signing_key(1, KeyStatus.ACTIVE), a_signing_key(2))

    async def test_each_key_has_an_active_version_of_its_own(self, record: Record) -> None:
        keys = (a_signing_key(1, KeyStatus.ACTIVE), a_signing_key(2, KeyStatus.ACTIVE, key_name="another"))

        await add(record, *keys)

        assert (*await versions(record), *await versions(record, "another")) == keys

    async def test_a_version_becomes_active_once_the_other_one_is_no_longer(self, record: Record) -> None:
        """A rotation: both steps in one transaction, so that there is always one that signs."""
        await add(record, a_signing_key(1, KeyStatus.ACTIVE), a_signing_key(2))

        async def rotate(transaction: RecordTransaction) -> None:
            keys = transaction.signing_keys
            await keys.change_status(
                KEY_NAME, 1, expected=KeyStatus.ACTIVE, status=KeyStatus.RETIRING, at=LATER, not_after=LATER
            )
            await keys.change_status(KEY_NAME, 2, expected=KeyStatus.PUBLISHED, status=KeyStatus.ACTIVE, at=LATER)

        await record.transact(rotate)

        first, second = a_signing_key(1, KeyStatus.RETIRING), a_signing_key(2, KeyStatus.ACTIVE)
        assert await versions(record) == (
            SigningKey(KEY_NAME, replace(first.key, not_after=LATER), LATER),
            SigningKey(KEY_NAME, second.key, LATER),
        )

    async def test_an_end_that_was_set_stays_set(self, record: Record) -> None:
        await add(record, a_signing_key(1, KeyStatus.RETIRING))
        await change(record, 1, KeyStatus.RETIRING, KeyStatus.RETIRING, not_after=LATER)

        await change(record, 1, KeyStatus.RETIRING, KeyStatus.RETIRED)

        assert [stored.key.not_after for stored in await versions(record)] == [LATER]

    async def test_a_change_that_expected_another_state_changes_nothing(self, record: Record) -> None:
        await add(record, a_signing_key(1, KeyStatus.REVOKED))

        with pytest.raises(PreconditionFailed):
            await change(record, 1, KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
        with pytest.raises(NotFound):
            await change(record, 2, KeyStatus.PUBLISHED, KeyStatus.ACTIVE)
        with pytest.raises(NotFound):
            await change(record, 1, KeyStatus.REVOKED, KeyStatus.ACTIVE, key_name="another")

        assert await versions(record) == (a_signing_key(1, KeyStatus.REVOKED),)

    async def test_of_twenty_callers_who_make_the_same_change_one_makes_it(self, record: Record) -> None:
        await add(record, a_signing_key(1))

        outcomes = await asyncio.gather(
            *(change(record, 1, KeyStatus.PUBLISHED, KeyStatus.ACTIVE) for _ in range(20)), return_exceptions=True
        )

        assert [type(outcome) for outcome in outcomes if outcome is not None] == [PreconditionFailed] * 19

    async def test_of_twenty_versions_that_would_be_active_at_once_one_is(self, record: Record) -> None:
        """Twenty issuers meet an empty record, each with its own idea of the newest version."""
        outcomes = await asyncio.gather(
            *(add(record, a_signing_key(number, KeyStatus.ACTIVE)) for number in range(1, 21)), return_exceptions=True
        )

        refusals = [outcome for outcome in outcomes if outcome is not None]
        assert [type(refusal) for refusal in refusals] == [AlreadyExists] * 19
        assert len(await versions(record)) == 1

    async def test_a_refused_transaction_leaves_the_states_as_they_were(self, record: Record) -> None:
        await add(record, a_signing_key(1))

        async def work(transaction: RecordTransaction) -> None:
            await transaction.signing_keys.add(a_signing_key(2, KeyStatus.ACTIVE))
            await transaction.signing_keys.change_status(
                KEY_NAME, 1, expected=KeyStatus.PUBLISHED, status=KeyStatus.REVOKED, at=LATER
            )
            raise Unavailable("a later part of the work")

        with pytest.raises(Unavailable):
            await record.transact(work)

        assert await versions(record) == (a_signing_key(1),)


async def add(record: Record, *signing_keys: SigningKey) -> None:
    async def work(transaction: RecordTransaction) -> None:
        for signing_key in signing_keys:
            await transaction.signing_keys.add(signing_key)

    await record.transact(work)


async def change(
    record: Record,
    version: int,
    expected: KeyStatus,
    status: KeyStatus,
    *,
    not_after: datetime | None = None,
    key_name: str = KEY_NAME,
) -> None:
    await record.transact(
        lambda transaction: transaction.signing_keys.change_status(
            key_name, version, expected=expected, status=status, at=LATER, not_after=not_after
        )
    )


async def versions(record: Record, key_name: str = KEY_NAME) -> tuple[SigningKey, ...]:
    return await record.transact(lambda transaction: transaction.signing_keys.versions(key_name))
