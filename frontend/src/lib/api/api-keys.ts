/** API keys, the own ones and those of everybody. A key travels with the ETag that a change must name. */
import { clients } from '.';
import { answer, answerWithHeaders } from './client';
import type { components } from './generated/issuer';

type Schemas = components['schemas'];

export type ApiKey = Schemas['ApiKeyResponse'];
export type NewApiKey = Schemas['CreateApiKeyRequest'];
export type ApiKeyChanges = Schemas['ChangeApiKeyRequest'];
export type RateLimit = NonNullable<ApiKey['rate_limit']>;

export interface ApiKeyVersion {
	readonly apiKey: ApiKey;
	readonly etag: string;
}

export interface ApiKeyPage {
	readonly items: readonly ApiKey[];
	readonly next: string | null;
	readonly total: number;
}

interface Query {
	search?: string;
	owner?: string;
	cursor?: string;
}

/** What may be done to the keys of one person, by that person or by an administrator: the same on other paths. */
export interface ApiKeyHolder {
	read(id: string, signal?: AbortSignal): Promise<ApiKeyVersion>;
	/** Change what `changes` names. Throws `precondition_failed` where somebody changed the key since `etag`. */
	update(id: string, etag: string, changes: ApiKeyChanges): Promise<ApiKeyVersion>;
	/** Give the key another secret, shown this once; the one before goes on for so many hours. */
	rotate(id: string, overlapHours: number): Promise<string>;
	/** Revoke a key for good. */
	revoke(id: string, etag: string): Promise<void>;
}

const { issuer } = clients;

export async function listOwnKeys(query: Query, signal?: AbortSignal): Promise<ApiKeyPage> {
	return await answer(issuer.GET('/api/me/tokens', { params: { query }, signal }));
}

/** Make a key; `key` is shown this once. */
export async function createOwnKey(body: NewApiKey): Promise<{ apiKey: ApiKey; key: string }> {
	const { key, ...apiKey } = await answer(issuer.POST('/api/me/tokens', { body }));
	return { apiKey, key };
}

/** Make a key for somebody, as an administrator; `key` is shown this once. */
export async function createKeyFor(
	user_id: string,
	body: NewApiKey
): Promise<{ apiKey: ApiKey; key: string }> {
	const params = { path: { user_id } };
	const { key, ...apiKey } = await answer(issuer.POST('/api/users/{user_id}/tokens', { params, body }));
	return { apiKey, key };
}

/** Everybody's keys, or those of one owner. */
export async function listAllKeys(query: Query, signal?: AbortSignal): Promise<ApiKeyPage> {
	return await answer(issuer.GET('/api/users/-/tokens', { params: { query }, signal }));
}

export const ownKeys: ApiKeyHolder = {
	async read(id, signal) {
		const params = { path: { key_id: id } };
		return version(await answerWithHeaders(issuer.GET('/api/me/tokens/{key_id}', { params, signal })));
	},
	async update(id, etag, body) {
		const params = { path: { key_id: id } };
		const headers = { 'If-Match': etag };
		return version(
			await answerWithHeaders(issuer.PATCH('/api/me/tokens/{key_id}', { params, headers, body }))
		);
	},
	async rotate(id, overlap_hours) {
		const params = { path: { key_id: id } };
		const body = { overlap_hours };
		return (await answer(issuer.POST('/api/me/tokens/{key_id}/rotate', { params, body }))).key;
	},
	async revoke(id, etag) {
		const params = { path: { key_id: id } };
		await answer(issuer.DELETE('/api/me/tokens/{key_id}', { params, headers: { 'If-Match': etag } }));
	}
};

/** The keys of somebody, for an administrator. */
export function keysOf(user_id: string): ApiKeyHolder {
	const of = (id: string) => ({ path: { user_id, key_id: id } });
	return {
		async read(id, signal) {
			const params = of(id);
			return version(
				await answerWithHeaders(issuer.GET('/api/users/{user_id}/tokens/{key_id}', { params, signal }))
			);
		},
		async update(id, etag, body) {
			const headers = { 'If-Match': etag };
			return version(
				await answerWithHeaders(
					issuer.PATCH('/api/users/{user_id}/tokens/{key_id}', { params: of(id), headers, body })
				)
			);
		},
		async rotate(id, overlap_hours) {
			const body = { overlap_hours };
			return (
				await answer(issuer.POST('/api/users/{user_id}/tokens/{key_id}/rotate', { params: of(id), body }))
			).key;
		},
		async revoke(id, etag) {
			const headers = { 'If-Match': etag };
			await answer(issuer.DELETE('/api/users/{user_id}/tokens/{key_id}', { params: of(id), headers }));
		}
	};
}

function version({ data, headers }: { data: ApiKey; headers: Headers }): ApiKeyVersion {
	return { apiKey: data, etag: headers.get('ETag') ?? '' };
}
