"""Managing users: administrators who act at once, make mistakes, or meet an outage."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from issuer_world import ADMIN_ACTOR, PASSWORD, IssuerWorld
from paseport.revocation import RevocationKind
from paseport.secret import Secret
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.create_user import CreateUserCommand
from paseport_issuer.use_cases.delete_user import DeleteUserCommand
from paseport_issuer.use_cases.ensure_accounts import CLI_ACCOUNT_ID
from paseport_issuer.use_cases.load_read_models import LoadReadModels
from paseport_shared.adapters.memory.outage import MemoryOutage
from paseport_shared.adapters.memory.role_directory import MemoryRoleDirectory
from paseport_shared.domain.errors import (
    AlreadyExists,
    BuiltInAccount,
    InvalidGrant,
    InvalidToken,
    LastAdmin,
    NotFound,
    PreconditionFailed,
    RecordedNotInForce,
    Unavailable,
    ValidationFailed,
    WeakPassword,
)
from paseport_shared.domain.models.user import User, UserQuery


async def change(world: IssuerWorld, user: User, **values: object) -> User:
    if "roles" in values:
        values["roles"] = frozenset(values["roles"])  # type: ignore[call-overload]
    command = ChangeUserCommand(user.id, user.revision, UserChange(frozenset(values), **values), ADMIN_ACTOR)  # type: ignore[arg-type]
    return await world.use.change_user(command)


async def test_of_many_who_create_one_name_one_succeeds(world: IssuerWorld) -> None:
    """AD-09."""
    outcomes = await asyncio.gather(
        *(world.add_user(name) for name in ("alice", "ALICE", "Alice")), return_exceptions=True
    )

    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 2


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("username", {"username": "has space"}),
        ("username", {"username": "has@sign"}),
        ("username", {"username": "full＠width"}),
        ("username", {"username": ""}),
        ("username", {"username": "x" * 65}),
        ("username", {"username": "zero\u200bwidth"}),
        ("email", {"email": "a@evil@corp.example"}),
        ("email", {"email": '"quoted"@example.com'}),
        ("email", {"email": "nobody"}),
        ("email", {"email": "a@localhost"}),
        ("email", {"email": " a@example.com"}),
        ("display_name", {"display_name": "line\nbreak"}),
        ("roles", {"roles": frozenset({"comma,joined"})}),
        ("roles", {"roles": frozenset({"1st"})}),
    ],
)
async def test_what_is_not_acceptable_is_named_by_its_field(
    world: IssuerWorld, field: str, values: dict[str, object]
) -> None:
    """XI-10 and its neighbours."""
    given: dict[str, object] = {
        "username": "alice", "email": "alice@example.com", "display_name": None, "roles": frozenset({"User"}),
    }  # fmt: skip

    with pytest.raises(ValidationFailed) as refusal:
        await world.use.create_user(CreateUserCommand(**(given | values), password=None, actor=ADMIN_ACTOR))  # type: ignore[arg-type]

    assert {problem.field for problem in refusal.value.problems} == {field}


@pytest.mark.parametrize("password", ["short", "x" * 14, "x" * 1025, "my name is alice ok", "ALICE@EXAMPLE.COM!!!"])
async def test_a_weak_password_is_refused_and_nothing_is_stored(world: IssuerWorld, password: str) -> None:
    with pytest.raises(WeakPassword):
        await world.add_user("alice", password=Secret(password))

    assert await world.actions() == []
    await world.add_user("alice")


async def test_a_role_change_is_live_with_the_same_token(world: IssuerWorld) -> None:
    """AD-06, P3."""
    user = await world.add_user("alice", roles=("User",))
    await world.add_user("root", roles=("Admin",))
    token = (await world.sign_in()).access_token.value
    assert (await world.authenticate(token)).roles == {"User"}

    user = await change(world, user, roles=("User", "Admin"))
    assert (await world.authenticate(token)).roles == {"User", "Admin"}

    await change(world, user, roles=())
    assert (await world.authenticate(token)).roles == frozenset()


async def test_disabling_ends_everything_and_enabling_brings_no_token_back(world: IssuerWorld) -> None:
    """AD-07, TK-22."""
    user = await world.add_user()
    issued = await world.sign_in()

    user = await change(world, user, disabled=True)
    user = await change(world, user, disabled=False)

    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)
    assert await world.sessions.list_for_user(user.id, world.clock.now()) == ()
    await world.authenticate((await world.sign_in()).access_token.value)


async def test_a_deleted_user_leaves_a_pseudonym(world: IssuerWorld) -> None:
    """DT-08: names are erased everywhere, the audit log keeps the id."""
    user = await world.add_user("alice")
    issued = await world.sign_in()

    await world.use.delete_user(DeleteUserCommand(user.id, user.revision, ADMIN_ACTOR))

    with pytest.raises(NotFound):
        await world.user(user.id)
    state = await world.roles.find(user.id)
    assert state is not None
    assert (state.username, state.enabled, state.roles) == ("", False, frozenset())
    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)
    events = await world.audited()
    assert [event.target for event in events if event.action == "user.deleted"] == [str(user.id)]
    assert "alice" not in repr(events)
    await world.add_user("alice")


async def test_two_admins_cannot_demote_each_other_at_once(world: IssuerWorld) -> None:
    first = await world.add_user("first", roles=("Admin",))
    second = await world.add_user("second", roles=("Admin",))

    outcomes = await asyncio.gather(
        change(world, first, roles=()), change(world, second, disabled=True), return_exceptions=True
    )

    assert sum(isinstance(outcome, LastAdmin) for outcome in outcomes) == 1


async def test_the_last_admin_cannot_be_deleted_even_beside_the_built_in_account(world: IssuerWorld) -> None:
    await world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    admin = (await world.use.read_users.page(UserQuery(role="Admin", sort="username"))).items[0]

    with pytest.raises(LastAdmin):
        await world.use.delete_user(DeleteUserCommand(admin.id, admin.revision, ADMIN_ACTOR))


async def test_the_built_in_account_cannot_be_touched(world: IssuerWorld) -> None:
    await world.use.ensure_accounts(email="admin@example.com", password=PASSWORD, with_cli=True)
    cli = await world.user(CLI_ACCOUNT_ID)

    with pytest.raises(BuiltInAccount):
        await change(world, cli, disabled=True)
    with pytest.raises(BuiltInAccount):
        await world.use.delete_user(DeleteUserCommand(cli.id, cli.revision, ADMIN_ACTOR))
    with pytest.raises(BuiltInAccount):
        await world.use.issue_password_reset(cli.id, ADMIN_ACTOR)


async def test_a_change_to_what_somebody_else_changed_is_refused(world: IssuerWorld) -> None:
    user = await world.add_user()
    await change(world, user, display_name="Alice")

    with pytest.raises(PreconditionFailed):
        await change(world, user, display_name="Somebody")


async def test_every_write_is_audited_with_what_changed_and_without_personal_data(world: IssuerWorld) -> None:
    """AD-13."""
    user = await world.add_user(roles=("User",))
    user = await change(world, user, roles=("Editor",), email="other@example.com")

    (event,) = [event for event in await world.audited() if event.action == "user.changed"]

    assert event.actor == ADMIN_ACTOR
    assert event.before == {"roles": ["User"]}
    assert event.after == {"roles": ["Editor"], "changed": ["email"]}


async def test_without_the_database_nothing_is_written(world: IssuerWorld) -> None:
    """Design §5: a write that cannot be audited is refused."""
    user = await world.add_user()

    with world.outages.mariadb, pytest.raises(Unavailable) as refusal:
        await change(world, user, disabled=True)

    assert type(refusal.value) is Unavailable
    assert not (await world.user(user.id)).disabled


async def test_without_redis_a_change_is_recorded_and_a_repetition_puts_it_in_force(world: IssuerWorld) -> None:
    """Design §5: `recorded_not_in_force`, and no answer of success before it is."""
    user = await world.add_user()
    token = (await world.sign_in()).access_token.value

    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await change(world, user, disabled=True)
    user = await world.user(user.id)
    assert user.disabled

    await change(world, user, disabled=True)

    with pytest.raises(InvalidToken):
        await world.authenticate(token)


async def test_a_restart_puts_recorded_revocations_in_force_again(world: IssuerWorld) -> None:
    """What Redis lost is replayed from the record (FT-04)."""
    user = await world.add_user()
    token = (await world.sign_in()).access_token.value
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await change(world, user, disabled=True)

    await world.use.load_read_models()

    with pytest.raises(InvalidToken):
        await world.authenticate(token)


async def test_verifiers_hear_of_revocations_again_before_all_users_are_loaded(world: IssuerWorld) -> None:
    """FT-04: after a failover the feed has to be filled first, however many users there are."""
    user = await world.add_user()
    await change(world, user, disabled=True)
    world.feed.lose_everything()
    outage = MemoryOutage()
    load = LoadReadModels(
        world.record,
        MemoryRoleDirectory(outage),
        world.clients,
        world.api_keys,
        world.feed,
        world.use.revocations,
        world.clock,
    )

    with outage, pytest.raises(Unavailable):
        await load()

    revoked = (await world.feed.snapshot(world.clock.now())).revocations
    assert [(revocation.kind, revocation.subject) for revocation in revoked] == [(RevocationKind.USER, str(user.id))]


async def test_vault_is_not_needed_to_manage_users(world: IssuerWorld) -> None:
    user = await world.add_user()

    with world.outages.vault:
        await change(world, user, roles=("Editor",))

    state = await world.roles.find(user.id)
    assert state is not None
    assert state.roles == {"Editor"}


async def test_the_first_admin_is_made_once(world: IssuerWorld) -> None:
    made = await asyncio.gather(
        *(world.use.ensure_accounts(email="admin@example.com", password=None, with_cli=True) for _ in range(5))
    )

    (first,) = [admin for admin in made if admin is not None]
    assert first.generated_password is not None
    issued = await world.sign_in("admin", first.generated_password)
    assert (await world.authenticate(issued.access_token.value)).roles == {"Admin", "User"}
    assert await world.use.ensure_accounts(email="admin@example.com", password=None, with_cli=True) is None


async def test_an_unknown_subject_is_refused_when_the_directory_is_complete(world: IssuerWorld) -> None:
    assert await world.use.resolve_subject.resolve(UUID("01890a5d-ac96-774b-bcce-b302099a8057")) is None


async def test_a_subject_is_resolved_from_the_record_while_the_directory_is_away(world: IssuerWorld) -> None:
    """FT-08, decision 0013: verifiers that lost the directory ask here, and have nobody else to ask."""
    user = await world.add_user(roles=("Editor",))

    with world.outages.redis:
        state = await world.use.resolve_subject.resolve(user.id)

    assert state is not None
    assert state.roles == {"Editor"}


async def test_a_deletion_that_an_outage_cut_off_is_completed_by_a_repetition(world: IssuerWorld) -> None:
    """FT-20, AD-07, DT-08: the user is off the record already, and still no session may outlive the answer."""
    user = await world.add_user()
    issued = await world.sign_in()
    delete = DeleteUserCommand(user.id, user.revision, ADMIN_ACTOR)
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await world.use.delete_user(delete)
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await world.use.delete_user(delete)

    with pytest.raises(NotFound):
        await world.use.delete_user(delete)

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)
    state = await world.roles.find(user.id)
    assert state is not None
    assert (state.username, state.roles, state.enabled) == ("", frozenset(), False)


@pytest.mark.parametrize("deleting", [True, False])
async def test_what_an_outage_cut_off_is_put_in_force_by_the_issuer_itself(world: IssuerWorld, deleting: bool) -> None:
    """FT-20, AD-07: the administrator was told "recorded, not in force yet", and went home."""
    user = await world.add_user()
    issued = await world.sign_in()
    delete = DeleteUserCommand(user.id, user.revision, ADMIN_ACTOR)
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await (world.use.delete_user(delete) if deleting else world.disable(user))
    world.clock.advance(3)
    with world.outages.redis, pytest.raises(Unavailable):
        await world.use.project_user.complete()

    assert await world.use.project_user.complete() == 1

    with pytest.raises(InvalidGrant):
        await world.refresh(issued.refresh_token)
    with pytest.raises(InvalidToken):
        await world.authenticate(issued.access_token.value)
    state = await world.roles.find(user.id)
    assert state is not None
    assert (state.username, state.enabled) == ("" if deleting else "alice", False)
    assert await world.use.project_user.complete() == 0


async def test_a_user_created_while_redis_is_away_is_known_afterwards(world: IssuerWorld) -> None:
    """A miss in a complete directory is final, so the entry has to arrive."""
    await world.roles.mark_complete()
    with world.outages.redis, pytest.raises(RecordedNotInForce):
        await world.add_user("late")
    world.clock.advance(3)

    await world.use.project_user.complete()

    issued = await world.sign_in("late")
    assert (await world.authenticate(issued.access_token.value)).username == "late"


async def test_a_change_that_is_in_force_is_no_longer_due(world: IssuerWorld) -> None:
    await world.disable(await world.add_user())
    world.clock.advance(3)

    assert await world.use.project_user.complete() == 0


async def test_deleting_nobody_changes_nothing(world: IssuerWorld) -> None:
    unknown = UUID("01890a5d-ac96-774b-bcce-b302099a8057")

    with pytest.raises(NotFound):
        await world.use.delete_user(DeleteUserCommand(unknown, 1, ADMIN_ACTOR))

    assert await world.roles.find(unknown) is None
    assert await world.actions() == []
