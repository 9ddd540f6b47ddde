"""What every role directory promises."""

import random
from dataclasses import replace

import pytest
from contracts.support import Unreachable, at_once, crowd, new_user
from paseport.subject import SubjectState
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.ports.role_directory import RoleDirectory


def a_state(revision: int = 1, *roles: str) -> SubjectState:
    """The state of a user nobody else uses."""
    return SubjectState(new_user(), "grüße", frozenset(roles or ("User",)), enabled=True, version=3, revision=revision)


class RoleDirectoryContract:
    """The adapter's file supplies the fixtures ``directory``, empty and not complete, and ``unreachable``."""

    async def test_a_verifier_finds_what_the_issuer_put(self, directory: RoleDirectory) -> None:
        state = replace(a_state(1, "Admin", "billing.read", "User"), email="grüße@example.com", name="Ünï 😀")

        assert await directory.put(state) is True

        assert await directory.find(state.user_id) == state

    async def test_a_subject_without_entry_is_a_miss_and_not_an_empty_set_of_roles(
        self, directory: RoleDirectory
    ) -> None:
        assert await directory.find(new_user()) is None

    async def test_a_subject_without_roles_has_an_entry(self, directory: RoleDirectory) -> None:
        deleted = replace(a_state(), username="", roles=frozenset(), enabled=False)
        await directory.put(deleted)

        assert await directory.find(deleted.user_id) == deleted

    async def test_an_address_and_a_name_that_are_taken_back_are_gone(self, directory: RoleDirectory) -> None:
        """DT-08: a deleted user leaves neither."""
        known = replace(a_state(), email="user@example.com", name="User")
        await directory.put(known)

        await directory.put(replace(known, email="", name="", revision=2))

        assert await directory.find(known.user_id) == replace(known, email="", name="", revision=2)

    async def test_a_newer_revision_replaces_the_state(self, directory: RoleDirectory) -> None:
        state = a_state(1, "Admin")
        newer = replace(state, roles=frozenset({"User"}), enabled=False, version=4, revision=2)
        await directory.put(state)

        assert await directory.put(newer) is True

        assert await directory.find(state.user_id) == newer

    @pytest.mark.parametrize("revision", [1, 4, 5])
    async def test_a_late_writer_does_not_bring_older_roles_back(self, directory: RoleDirectory, revision: int) -> None:
        current = a_state(5, "User")
        await directory.put(current)

        assert await directory.put(replace(current, roles=frozenset({"Admin"}), revision=revision)) is False

        assert await directory.find(current.user_id) == current

    async def test_revisions_are_compared_as_numbers(self, directory: RoleDirectory) -> None:
        ninth = a_state(9, "Admin")
        tenth = replace(ninth, roles=frozenset({"User"}), revision=10)
        await directory.put(ninth)

        assert await directory.put(tenth) is True

        assert await directory.find(ninth.user_id) == tenth

    async def test_many_are_put_at_once_and_the_newest_of_each_stays(self, directory: RoleDirectory) -> None:
        states = [a_state(revision=5) for _ in range(450)]
        newer = [replace(states[0], revision=6), replace(states[449], revision=7)]
        for state in newer:
            await directory.put(state)

        await directory.put_all(states)
        await directory.put_all(())

        found = [await directory.find(state.user_id) for state in states]
        assert found == [newer[0], *states[1:449], newer[1]]

    async def test_of_a_crowd_of_writers_the_newest_revision_wins_whatever_the_order(
        self, directory: RoleDirectory
    ) -> None:
        state = a_state()
        writes = [replace(state, roles=frozenset({f"r{revision}"}), revision=revision) for revision in range(1, 51)]
        random.Random(7).shuffle(writes)

        await at_once([directory.put(write) for write in writes])

        found = await directory.find(state.user_id)
        assert found is not None
        assert (found.revision, found.roles) == (50, frozenset({"r50"}))

    async def test_of_a_crowd_that_writes_one_revision_one_stores_it(self, directory: RoleDirectory) -> None:
        state = a_state()

        assert (await crowd(lambda: directory.put(state))).count(True) == 1

    async def test_a_miss_is_final_only_after_the_directory_was_loaded_whole(self, directory: RoleDirectory) -> None:
        await directory.put(a_state())
        assert await directory.is_complete() is False

        await directory.mark_complete()

        assert await directory.is_complete() is True

    async def test_a_complete_directory_takes_new_subjects(self, directory: RoleDirectory) -> None:
        await directory.mark_complete()
        state = a_state()

        assert await directory.put(state) is True

        assert await directory.find(state.user_id) == state
        assert await directory.is_complete() is True

    async def test_an_unreachable_directory_answers_unavailable_and_never_a_miss(
        self, directory: RoleDirectory, unreachable: Unreachable
    ) -> None:
        state = a_state()
        await directory.put(state)

        async with unreachable:
            for call in (
                lambda: directory.find(state.user_id),
                directory.is_complete,
                lambda: directory.put(replace(state, revision=2)),
                directory.mark_complete,
            ):
                with pytest.raises(Unavailable):
                    await call()

        assert await directory.find(state.user_id) == state
        assert await directory.is_complete() is False
