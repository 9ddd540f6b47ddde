/** User management: what the pages may ask of `/users/v1`. A user travels with the ETag that a change must name. */
import { clients } from '.';
import { answer, answerWithHeaders } from './client';
import type { Identities } from './account';
import type { paths } from './generated/issuer';

type List = paths['/users/v1']['get'];
type One = paths['/users/v1/{user_id}'];

export type User = One['get']['responses'][200]['content']['application/json'];
export type UserPage = List['responses'][200]['content']['application/json'];
export type UserQuery = NonNullable<List['parameters']['query']>;
export type UserSort = NonNullable<UserQuery['sort']>;
export type NewUser = NonNullable<paths['/users/v1']['post']['requestBody']>['content']['application/json'];
export type UserChanges = NonNullable<One['patch']['requestBody']>['content']['application/json'];
export type PasswordReset =
	paths['/users/v1/{user_id}/password-reset']['post']['responses'][201]['content']['application/json'];

export interface UserVersion {
	readonly user: User;
	readonly etag: string;
}

const usersPath = '/users/v1';
const userPath = '/users/v1/{user_id}';
const resetPath = '/users/v1/{user_id}/password-reset';

export async function listUsers(query: UserQuery, signal?: AbortSignal): Promise<UserPage> {
	return await answer(clients.issuer.GET(usersPath, { params: { query }, signal }));
}

export async function createUser(body: NewUser): Promise<UserVersion> {
	return version(await answerWithHeaders(clients.issuer.POST(usersPath, { body })));
}

export async function getUser(id: string, signal?: AbortSignal): Promise<UserVersion> {
	return version(await answerWithHeaders(clients.issuer.GET(userPath, { params: of(id), signal })));
}

/** Change what `changes` names. Throws `precondition_failed` where somebody changed the user since `etag`. */
export async function updateUser(id: string, etag: string, changes: UserChanges): Promise<UserVersion> {
	return version(
		await answerWithHeaders(
			clients.issuer.PATCH(userPath, { params: of(id), headers: { 'If-Match': etag }, body: changes })
		)
	);
}

export async function deleteUser(id: string, etag: string): Promise<void> {
	await answer(clients.issuer.DELETE(userPath, { params: of(id), headers: { 'If-Match': etag } }));
}

/** Make a one-time link with which the user sets a password. Earlier links of the user stop working. */
export async function createPasswordReset(id: string): Promise<PasswordReset> {
	return await answer(clients.issuer.POST(resetPath, { params: of(id) }));
}

/** The accounts at identity providers with which the user can sign in. */
export async function getUserIdentities(id: string, signal?: AbortSignal): Promise<Identities> {
	return await answer(clients.issuer.GET('/users/v1/{user_id}/identities', { params: of(id), signal }));
}

/** Unlink one of them, the last one too: a one-time link makes up for it. */
export async function unlinkUserIdentity(id: string, identityId: string): Promise<void> {
	const params = { path: { user_id: id, identity_id: identityId } };
	await answer(clients.issuer.DELETE('/users/v1/{user_id}/identities/{identity_id}', { params }));
}

function of(id: string) {
	return { path: { user_id: id } };
}

function version({ data, headers }: { data: User; headers: Headers }): UserVersion {
	return { user: data, etag: headers.get('ETag') ?? '' };
}
