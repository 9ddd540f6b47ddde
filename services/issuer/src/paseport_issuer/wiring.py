"""Plain constructor calls, read top to bottom: settings and adapters in, use cases out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from paseport.authenticate_bearer import AuthenticateBearer
from paseport.clock import Clock
from paseport.feed import RevocationFeed
from paseport.find_subject import FindSubject
from paseport.follow_revocations import HEARTBEAT_SECONDS, FollowRevocations
from paseport.revocation_list import RevocationList
from paseport.secret import Secret
from paseport.token_verifier import TokenVerifier
from paseport_shared.domain.models.client import ClientKind
from paseport_shared.domain.models.edge_session import HandoverTicket
from paseport_shared.domain.models.external_sign_in import ExternalSignIn, PendingLink
from paseport_shared.domain.models.refresh_token import RefreshTokenKey
from paseport_shared.domain.ports.api_key_directory import ApiKeyDirectory
from paseport_shared.domain.ports.api_key_usage import ApiKeyUsage
from paseport_shared.domain.ports.attempt_limiter import AttemptLimiter
from paseport_shared.domain.ports.authorization_code_store import AuthorizationCodeStore
from paseport_shared.domain.ports.client_directory import ClientDirectory
from paseport_shared.domain.ports.data_cipher import DataCipher
from paseport_shared.domain.ports.id_token_reader import IdTokenReader
from paseport_shared.domain.ports.id_token_signer import IdTokenSigner
from paseport_shared.domain.ports.key_document import KeyDocument
from paseport_shared.domain.ports.password_hasher import PasswordHasher
from paseport_shared.domain.ports.pending_record import PendingRecord
from paseport_shared.domain.ports.randomness import Randomness
from paseport_shared.domain.ports.record import Record
from paseport_shared.domain.ports.refresh_token_store import RefreshTokenStore
from paseport_shared.domain.ports.revocation_publisher import RevocationPublisher
from paseport_shared.domain.ports.role_directory import RoleDirectory
from paseport_shared.domain.ports.session_store import SessionStore
from paseport_shared.domain.ports.single_use_store import SingleUseStore
from paseport_shared.domain.ports.token_signer import TokenSigner
from paseport_shared.domain.ports.transaction_store import TransactionStore
from paseport_shared.domain.ports.upstream import UpstreamProviders
from paseport_shared.domain.revocation_relay import RevocationRelay
from paseport_shared.http.background import Job
from paseport_shared.http.health import Check
from paseport_shared.http.metrics import Pool
from paseport_shared.http.watch import NoticedFeed

from paseport_issuer.settings import Settings
from paseport_issuer.use_cases.authenticate_client import AuthenticateClient
from paseport_issuer.use_cases.authenticate_foreign_caller import AuthenticateForeignCaller
from paseport_issuer.use_cases.authenticate_verifier import AuthenticateVerifier
from paseport_issuer.use_cases.authorize import Authorize
from paseport_issuer.use_cases.begin_external_sign_in import BeginExternalSignIn
from paseport_issuer.use_cases.change_api_key import ChangeApiKey
from paseport_issuer.use_cases.change_client import ChangeClient
from paseport_issuer.use_cases.change_user import ChangeUser
from paseport_issuer.use_cases.check_authorization_request import CheckAuthorizationRequest
from paseport_issuer.use_cases.complete_external_sign_in import CompleteExternalSignIn
from paseport_issuer.use_cases.create_api_key import CreateApiKey, MakeSecret
from paseport_issuer.use_cases.create_client import CreateClient
from paseport_issuer.use_cases.create_user import CreateUser
from paseport_issuer.use_cases.create_verifier import CreateVerifier
from paseport_issuer.use_cases.delete_client import DeleteClient
from paseport_issuer.use_cases.delete_user import DeleteUser
from paseport_issuer.use_cases.end_own_access import EndOwnAccess
from paseport_issuer.use_cases.end_session import EndSession
from paseport_issuer.use_cases.end_session_by_client import EndSessionByClient
from paseport_issuer.use_cases.end_upstream_sessions import EndUpstreamSessions
from paseport_issuer.use_cases.ensure_accounts import EnsureAccounts
from paseport_issuer.use_cases.find_client import FindClient, RememberClient
from paseport_issuer.use_cases.find_provider import FindProvider
from paseport_issuer.use_cases.find_token import FindToken
from paseport_issuer.use_cases.give_consent import GiveConsent
from paseport_issuer.use_cases.hand_over_session import HandOverSession
from paseport_issuer.use_cases.import_api_keys import ImportApiKeys
from paseport_issuer.use_cases.introspect_token import IntrospectToken
from paseport_issuer.use_cases.issue_machine_token import IssueMachineToken
from paseport_issuer.use_cases.issue_password_reset import IssuePasswordReset
from paseport_issuer.use_cases.issue_tokens import IssueTokens
from paseport_issuer.use_cases.keep_signing_keys import KeepSigningKeys
from paseport_issuer.use_cases.leave_upstream import LeaveUpstream
from paseport_issuer.use_cases.limit_attempts import LimitAttempts
from paseport_issuer.use_cases.link_identity import LinkIdentity
from paseport_issuer.use_cases.load_read_models import LoadReadModels
from paseport_issuer.use_cases.login_local import LoginLocal
from paseport_issuer.use_cases.mint_cli_token import MintCliToken
from paseport_issuer.use_cases.name_clients import NameClients
from paseport_issuer.use_cases.new_family import NewFamily
from paseport_issuer.use_cases.new_ids import NewIds
from paseport_issuer.use_cases.open_session import OpenSession
from paseport_issuer.use_cases.pending_links import PendingLinks
from paseport_issuer.use_cases.project_api_key import ProjectApiKey
from paseport_issuer.use_cases.project_client import ProjectClient
from paseport_issuer.use_cases.project_user import ProjectUser
from paseport_issuer.use_cases.publish_revocations import PublishRevocations
from paseport_issuer.use_cases.read_api_keys import ReadApiKeys
from paseport_issuer.use_cases.read_clients import ReadClients
from paseport_issuer.use_cases.read_consents import ReadConsents
from paseport_issuer.use_cases.read_feed import ReadFeed
from paseport_issuer.use_cases.read_own_access import ReadOwnAccess
from paseport_issuer.use_cases.read_own_identities import ReadOwnIdentities
from paseport_issuer.use_cases.read_providers import ReadProviders
from paseport_issuer.use_cases.read_user_info import ReadUserInfo
from paseport_issuer.use_cases.read_users import ReadUsers
from paseport_issuer.use_cases.record_api_key_uses import RecordApiKeyUses
from paseport_issuer.use_cases.record_feed import RecordFeed
from paseport_issuer.use_cases.record_pending import RecordPending
from paseport_issuer.use_cases.redeem_code import RedeemCode
from paseport_issuer.use_cases.redeem_password_reset import RedeemPasswordReset
from paseport_issuer.use_cases.refresh_tokens import RefreshTokens
from paseport_issuer.use_cases.register_provider import RegisterProvider
from paseport_issuer.use_cases.resolve_api_key import ResolveApiKey
from paseport_issuer.use_cases.resolve_subject import ResolveSubject
from paseport_issuer.use_cases.resolve_username import ResolveUsername
from paseport_issuer.use_cases.revoke_access import RevokeAccess
from paseport_issuer.use_cases.revoke_api_key import RevokeApiKey
from paseport_issuer.use_cases.revoke_token import RevokeToken
from paseport_issuer.use_cases.roll_client_secret import RollClientSecret
from paseport_issuer.use_cases.rotate_api_key import RotateApiKey
from paseport_issuer.use_cases.rotate_signing_keys import KeyRotations, RotateSigningKeys
from paseport_issuer.use_cases.settle_identity import SettleIdentity
from paseport_issuer.use_cases.sign_access_token import SignAccessToken
from paseport_issuer.use_cases.sign_id_token import SignIdToken
from paseport_issuer.use_cases.sign_in_app import SignInApp
from paseport_issuer.use_cases.sign_in_transactions import SignInTransactions
from paseport_issuer.use_cases.unlink_identity import UnlinkIdentity
from paseport_issuer.use_cases.withdraw_consent import WithdrawConsent

FEEDS: Final = ("hot_store", "record")
"""The revocation feeds in order of preference, as the log and the metrics call them."""

UPSTREAM_CALLS: Final = 64
"""Requests to identity providers at a time: one that does not answer holds eight of them at most."""


@dataclass(frozen=True, slots=True)
class IssuerAdapters:
    """What the issuer needs from the world. Opened and closed by whoever made it."""

    record: Record
    sessions: SessionStore
    families: RefreshTokenStore
    transactions: TransactionStore
    external_sign_ins: SingleUseStore[ExternalSignIn]
    pending_links: SingleUseStore[PendingLink]
    handovers: SingleUseStore[HandoverTicket]
    codes: AuthorizationCodeStore
    roles: RoleDirectory
    clients: ClientDirectory
    api_keys: ApiKeyDirectory
    api_key_usage: ApiKeyUsage
    limiter: AttemptLimiter
    publisher: RevocationPublisher
    feed: RevocationFeed
    pending: PendingRecord
    hasher: PasswordHasher
    upstream: UpstreamProviders
    cipher: DataCipher
    signing_keys: KeepSigningKeys
    token_signer: TokenSigner
    token_verifier: TokenVerifier
    any_token_verifier: TokenVerifier
    """Takes access tokens for every audience: of clients that ask what a token is."""
    key_document: KeyDocument
    id_keys: KeepSigningKeys
    id_token_signer: IdTokenSigner
    id_token_reader: IdTokenReader
    jwks_document: KeyDocument
    clock: Clock
    randomness: Randomness
    parts: Mapping[str, Check] = field(default_factory=dict)
    """What readiness looks at besides the record and the keys."""
    pools: Mapping[str, Pool] = field(default_factory=dict)
    """Bounded pools to measure, besides the hasher's."""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    """What adapters have to do in the background: renewing a token, reading key states anew."""


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything the handlers and the lifespan call."""

    login_local: LoginLocal
    refresh_tokens: RefreshTokens
    end_session: EndSession
    redeem_password_reset: RedeemPasswordReset
    issue_password_reset: IssuePasswordReset
    create_user: CreateUser
    change_user: ChangeUser
    delete_user: DeleteUser
    read_users: ReadUsers
    find_client: FindClient
    create_client: CreateClient
    change_client: ChangeClient
    delete_client: DeleteClient
    roll_client_secret: RollClientSecret
    read_clients: ReadClients
    create_api_key: CreateApiKey
    change_api_key: ChangeApiKey
    rotate_api_key: RotateApiKey
    revoke_api_key: RevokeApiKey
    read_api_keys: ReadApiKeys
    import_api_keys: ImportApiKeys
    resolve_api_key: ResolveApiKey
    resolve_username: ResolveUsername
    hand_over_session: HandOverSession
    create_verifier: CreateVerifier
    change_verifier: ChangeClient
    revoke_verifier: DeleteClient
    roll_verifier_secret: RollClientSecret
    read_verifiers: ReadClients
    authenticate_verifier: AuthenticateVerifier
    rotations: KeyRotations
    authorize: Authorize
    transactions: SignInTransactions
    give_consent: GiveConsent
    sign_in_app: SignInApp
    find_provider: FindProvider
    begin_external_sign_in: BeginExternalSignIn
    complete_external_sign_in: CompleteExternalSignIn
    pending_links: PendingLinks
    register_provider: RegisterProvider
    read_providers: ReadProviders
    read_own_identities: ReadOwnIdentities
    unlink_identity: UnlinkIdentity
    end_upstream_sessions: EndUpstreamSessions
    leave_upstream: LeaveUpstream
    authenticate_client: AuthenticateClient
    redeem_code: RedeemCode
    machine_token: IssueMachineToken
    revoke_token: RevokeToken
    introspect_token: IntrospectToken
    read_user_info: ReadUserInfo
    logout_by_client: EndSessionByClient
    read_own_access: ReadOwnAccess
    end_own_access: EndOwnAccess
    read_consents: ReadConsents
    withdraw_consent: WithdrawConsent
    limit_attempts: LimitAttempts
    mint_cli_token: MintCliToken
    sign_id_token: SignIdToken
    resolve_subject: ResolveSubject
    find_subject: FindSubject
    read_feed: ReadFeed
    authenticate_bearer: AuthenticateBearer
    authenticate_foreign_caller: AuthenticateForeignCaller
    ensure_accounts: EnsureAccounts
    load_read_models: LoadReadModels
    project_user: ProjectUser
    project_client: ProjectClient
    project_api_key: ProjectApiKey
    record_api_key_uses: RecordApiKeyUses
    record_pending: RecordPending
    follow_revocations: FollowRevocations
    revocations: RevocationList


def wire(settings: Settings, adapters: IssuerAdapters) -> UseCases:
    """Build the use cases."""
    clock, randomness, record = adapters.clock, adapters.randomness, adapters.record
    issuer = settings.access_token_issuer
    session_policy, refresh_policy = settings.session_policy, settings.refresh_policy
    defined_clients = settings.defined_clients()
    app_client, cli_client = defined_clients["bff"], defined_clients["cli"]
    refresh_key = RefreshTokenKey(settings.refresh_key)
    ids = NewIds(clock, randomness)

    resolve_subject = ResolveSubject(record, adapters.roles)
    find_subject = FindSubject(adapters.roles, resolve_subject, clock)
    revocations = RevocationList(clock)
    for kept in (adapters.signing_keys, adapters.id_keys):
        revocations.listen(kept)
    relay = RevocationRelay(revocations, epoch=int.from_bytes(randomness.token_bytes(6)))
    publisher = PublishRevocations(adapters.publisher, revocations)
    sign = SignAccessToken(issuer, settings.access_token_ttl, adapters.token_signer, clock, ids)
    revoke = RevokeAccess(
        sessions=adapters.sessions,
        families=adapters.families,
        codes=adapters.codes,
        publisher=publisher,
        pending=adapters.pending,
        token_lifetime=settings.access_token_ttl,
        clock=clock,
        ids=ids,
    )
    project = ProjectUser(record, adapters.roles, publisher, revoke, clock)
    project_client = ProjectClient(record, adapters.clients)
    project_api_key = ProjectApiKey(record, adapters.api_keys, publisher, clock)
    client_rules = settings.client_rules

    def rotation_of(keys: KeepSigningKeys) -> RotateSigningKeys:
        return RotateSigningKeys(
            keys=keys,
            record=record,
            publisher=publisher,
            document_max_age=settings.key_document_max_age,
            token_lifetime=settings.access_token_ttl,
            clock=clock,
            ids=ids,
        )

    limits = LimitAttempts(adapters.limiter, clock, attempts_per_address=settings.login_attempts_per_address)
    open_session = OpenSession(
        sessions=adapters.sessions,
        record=record,
        policy=session_policy,
        clock=clock,
        randomness=randomness,
        ids=ids,
    )
    new_family = NewFamily(refresh_policy, clock, randomness, ids)
    transactions = SignInTransactions(adapters.transactions, clock, randomness, ids)
    issue = IssueTokens(
        sign=sign,
        refresh_key=refresh_key,
        families=adapters.families,
        open_session=open_session,
        new_family=new_family,
    )
    sign_id_token = SignIdToken(issuer, adapters.id_token_signer, clock)
    find_client = FindClient(defined_clients, adapters.clients, record)
    name_clients = NameClients(find_client)
    verifier = ClientKind.VERIFIER
    verifier_rules = settings.verifier_rules
    find_verifier = RememberClient(FindClient({}, adapters.clients, record, verifier), clock)
    authorize = Authorize(
        issuer=issuer,
        check=CheckAuthorizationRequest(issuer, find_client, adapters.id_token_reader),
        find_client=find_client,
        transactions=transactions,
        limits=limits,
        codes=adapters.codes,
        sessions=adapters.sessions,
        find_subject=find_subject,
        record=record,
        clock=clock,
        randomness=randomness,
        ids=ids,
    )
    redeem_code = RedeemCode(
        codes=adapters.codes,
        families=adapters.families,
        sessions=adapters.sessions,
        record=record,
        pending=adapters.pending,
        sign=sign,
        sign_id_token=sign_id_token,
        new_family=new_family,
        refresh_key=refresh_key,
        revoke=revoke,
        clock=clock,
        ids=ids,
    )
    find_provider = FindProvider(record)
    settle = SettleIdentity(
        client=app_client,
        record=record,
        link=LinkIdentity(project=project, revoke=revoke, clock=clock, ids=ids),
        project=project,
        clock=clock,
        randomness=randomness,
        ids=ids,
    )
    pending_links = PendingLinks(adapters.pending_links, find_provider, settle, clock)
    find_token = FindToken(
        verifier=adapters.any_token_verifier, families=adapters.families, refresh_key=refresh_key, clock=clock
    )
    make_secret = MakeSecret(settings.api_key_peppers, randomness)
    return UseCases(
        login_local=LoginLocal(
            client=app_client,
            record=record,
            hasher=adapters.hasher,
            limits=limits,
            issue=issue,
            open_session=open_session,
            transactions=transactions,
            pending_links=pending_links,
            sessions=adapters.sessions,
            revoke=revoke,
            clock=clock,
        ),
        refresh_tokens=RefreshTokens(
            families=adapters.families,
            sessions=adapters.sessions,
            find_subject=find_subject,
            sign=sign,
            revoke=revoke,
            refresh_key=refresh_key,
            policy=refresh_policy,
            clock=clock,
        ),
        end_session=EndSession(
            sessions=adapters.sessions,
            families=adapters.families,
            refresh_key=refresh_key,
            revoke=revoke,
            clock=clock,
        ),
        redeem_password_reset=RedeemPasswordReset(
            client=app_client,
            record=record,
            hasher=adapters.hasher,
            project=project,
            revoke=revoke,
            clock=clock,
            ids=ids,
        ),
        issue_password_reset=IssuePasswordReset(
            issuer=issuer, record=record, clock=clock, randomness=randomness, ids=ids
        ),
        create_user=CreateUser(record=record, hasher=adapters.hasher, project=project, clock=clock, ids=ids),
        change_user=ChangeUser(record=record, project=project, revoke=revoke, clock=clock, ids=ids),
        delete_user=DeleteUser(
            record=record, project=project, project_keys=project_api_key, revoke=revoke, clock=clock, ids=ids
        ),
        read_users=ReadUsers(record),
        find_client=find_client,
        create_client=CreateClient(
            defined=defined_clients, rules=client_rules, record=record, project=project_client, clock=clock, ids=ids
        ),
        change_client=ChangeClient(
            defined=defined_clients, rules=client_rules, record=record, project=project_client, clock=clock, ids=ids
        ),
        delete_client=DeleteClient(
            defined=defined_clients, record=record, project=project_client, clock=clock, ids=ids
        ),
        roll_client_secret=RollClientSecret(
            defined=defined_clients, record=record, project=project_client, clock=clock, ids=ids
        ),
        read_clients=ReadClients(defined_clients, record),
        create_api_key=CreateApiKey(
            record=record, project=project_api_key, make_secret=make_secret, clock=clock, ids=ids
        ),
        change_api_key=ChangeApiKey(record=record, project=project_api_key, clock=clock, ids=ids),
        rotate_api_key=RotateApiKey(
            record=record, project=project_api_key, make_secret=make_secret, clock=clock, ids=ids
        ),
        revoke_api_key=RevokeApiKey(record=record, project=project_api_key, clock=clock, ids=ids),
        read_api_keys=ReadApiKeys(record),
        import_api_keys=ImportApiKeys(
            record=record, project=project_api_key, clock=clock, randomness=randomness, ids=ids
        ),
        resolve_api_key=ResolveApiKey(record, adapters.api_keys),
        resolve_username=ResolveUsername(record),
        hand_over_session=HandOverSession(
            hosts=settings.edge_hosts,
            sessions=adapters.sessions,
            find_subject=find_subject,
            tickets=adapters.handovers,
            clock=clock,
            ids=ids,
        ),
        create_verifier=CreateVerifier(
            CreateClient(
                defined=defined_clients,
                rules=verifier_rules,
                record=record,
                project=project_client,
                clock=clock,
                ids=ids,
            ),
            ids,
        ),
        change_verifier=ChangeClient(
            defined={},
            rules=verifier_rules,
            record=record,
            project=project_client,
            clock=clock,
            ids=ids,
            kind=verifier,
        ),
        revoke_verifier=DeleteClient(
            defined={}, record=record, project=project_client, clock=clock, ids=ids, kind=verifier
        ),
        roll_verifier_secret=RollClientSecret(
            defined={}, record=record, project=project_client, clock=clock, ids=ids, kind=verifier
        ),
        read_verifiers=ReadClients({}, record, verifier),
        authenticate_verifier=AuthenticateVerifier(AuthenticateClient(find_verifier, clock), limits),
        rotations=KeyRotations(access=rotation_of(adapters.signing_keys), id=rotation_of(adapters.id_keys)),
        authorize=authorize,
        transactions=transactions,
        give_consent=GiveConsent(authorize=authorize, transactions=transactions, record=record, clock=clock, ids=ids),
        sign_in_app=SignInApp(
            issuer=issuer,
            client=app_client,
            redeem=redeem_code,
            transactions=transactions,
            key=Secret(settings.bff_client_secret.reveal().encode()),
            randomness=randomness,
        ),
        find_provider=find_provider,
        begin_external_sign_in=BeginExternalSignIn(
            issuer=issuer,
            find_provider=find_provider,
            upstream=adapters.upstream,
            sign_ins=adapters.external_sign_ins,
            transactions=transactions,
            limits=limits,
            clock=clock,
            randomness=randomness,
            ids=ids,
        ),
        complete_external_sign_in=CompleteExternalSignIn(
            issuer=issuer,
            client=app_client,
            sign_ins=adapters.external_sign_ins,
            pending_links=adapters.pending_links,
            transactions=transactions,
            find_provider=find_provider,
            upstream=adapters.upstream,
            cipher=adapters.cipher,
            settle=settle,
            open_session=open_session,
            sessions=adapters.sessions,
            revoke=revoke,
            clock=clock,
            ids=ids,
        ),
        pending_links=pending_links,
        register_provider=RegisterProvider(
            record=record, cipher=adapters.cipher, upstream=adapters.upstream, clock=clock, ids=ids
        ),
        read_providers=ReadProviders(
            issuer=issuer, record=record, cipher=adapters.cipher, upstream=adapters.upstream, clock=clock, ids=ids
        ),
        read_own_identities=ReadOwnIdentities(record),
        unlink_identity=UnlinkIdentity(record=record, clock=clock, ids=ids),
        end_upstream_sessions=EndUpstreamSessions(
            find_provider=find_provider,
            upstream=adapters.upstream,
            limits=limits,
            limiter=adapters.limiter,
            record=record,
            sessions=adapters.sessions,
            revoke=revoke,
            clock=clock,
        ),
        leave_upstream=LeaveUpstream(issuer=issuer, find_provider=find_provider, upstream=adapters.upstream, ids=ids),
        authenticate_client=AuthenticateClient(find_client, clock),
        redeem_code=redeem_code,
        machine_token=IssueMachineToken(issuer, sign),
        revoke_token=RevokeToken(find_token, revoke),
        introspect_token=IntrospectToken(
            find_token=find_token,
            sessions=adapters.sessions,
            find_subject=find_subject,
            revocations=revocations,
            policy=refresh_policy,
            clock=clock,
        ),
        read_user_info=ReadUserInfo(
            issuer, AuthenticateBearer(adapters.any_token_verifier, revocations, find_subject, clock), record
        ),
        logout_by_client=EndSessionByClient(
            find_client=find_client,
            id_tokens=adapters.id_token_reader,
            sessions=adapters.sessions,
            revoke=revoke,
            clock=clock,
        ),
        read_own_access=ReadOwnAccess(
            sessions=adapters.sessions, families=adapters.families, name_clients=name_clients, clock=clock
        ),
        end_own_access=EndOwnAccess(sessions=adapters.sessions, families=adapters.families, revoke=revoke, clock=clock),
        read_consents=ReadConsents(record, name_clients),
        withdraw_consent=WithdrawConsent(record=record, revoke=revoke, ids=ids),
        limit_attempts=limits,
        mint_cli_token=MintCliToken(client=cli_client, record=record, sign=sign, clock=clock, ids=ids),
        sign_id_token=sign_id_token,
        resolve_subject=resolve_subject,
        find_subject=find_subject,
        read_feed=ReadFeed(relay, clock),
        authenticate_bearer=AuthenticateBearer(adapters.token_verifier, revocations, find_subject, clock),
        authenticate_foreign_caller=AuthenticateForeignCaller(
            find_provider=find_provider, upstream=adapters.upstream, limits=limits, record=record
        ),
        ensure_accounts=EnsureAccounts(
            record=record, hasher=adapters.hasher, clock=clock, randomness=randomness, ids=ids
        ),
        load_read_models=LoadReadModels(
            record, adapters.roles, adapters.clients, adapters.api_keys, publisher, revocations, clock
        ),
        project_user=project,
        project_client=project_client,
        project_api_key=project_api_key,
        record_api_key_uses=RecordApiKeyUses(adapters.api_key_usage, record),
        record_pending=RecordPending(adapters.pending, record),
        follow_revocations=FollowRevocations(
            [(NoticedFeed(FEEDS[0], adapters.feed), HEARTBEAT_SECONDS), (RecordFeed(record), HEARTBEAT_SECONDS)],
            revocations,
            clock,
        ),
        revocations=revocations,
    )
