/** The management API as a script uses it: what the journeys prepare and compare with, past the app. */
import { expect, type APIRequestContext, type APIResponse } from '@playwright/test';
import { installation, type Credentials } from './installation';

export interface User {
	readonly id: string;
	readonly username: string;
	readonly email: string;
	readonly email_verified: boolean;
	readonly display_name: string | null;
	readonly roles: readonly string[];
	readonly disabled: boolean;
	readonly built_in: boolean;
	readonly has_password: boolean;
	readonly created_at: string;
	readonly updated_at: string;
}

export interface NewUser {
	readonly username: string;
	readonly email: string;
	readonly roles: readonly string[];
	readonly password?: string;
	readonly display_name?: string;
	readonly email_verified?: boolean;
}

export interface Provider {
	readonly id: string;
	readonly name: string;
	readonly display_name: string;
	readonly issuer: string | null;
	readonly client_id: string;
	readonly enabled: boolean;
	readonly is_default: boolean;
	readonly position: number;
	readonly redirect_uri: string;
	readonly backchannel_logout_uri: string;
	readonly created_at: string;
	readonly updated_at: string;
}

export interface ApiKey {
	readonly id: string;
	readonly owner: { readonly id: string; readonly username: string };
	readonly name: string;
	readonly key: string;
}

export type UserChanges = Partial<
	Pick<User, 'username' | 'email' | 'email_verified' | 'display_name' | 'roles' | 'disabled'>
>;

/** What a cookie route asks of a browser: a header no form can send, and the origin of the app. */
export const ownOrigin = (): Record<string, string> => ({
	'X-CSRF': '1',
	Origin: installation().url,
	// No connection is left idle: the server may end it in the moment in which it is used again.
	Connection: 'close'
});

/** Sign in; the cookies land in the jar of `request`. */
export async function signIn(request: APIRequestContext, who: Credentials): Promise<string> {
	const response = await request.post('/auth/v1/login/local', {
		data: { username: who.username, password: who.password },
		headers: ownOrigin()
	});
	const { access_token } = await answered<{ access_token: string }>(response);
	return access_token;
}

export class Api {
	readonly #request: APIRequestContext;
	readonly #who: Credentials;
	#token: { readonly value: string; readonly renewAt: number } | null = null;

	constructor(request: APIRequestContext, who: Credentials) {
		this.#request = request;
		this.#who = who;
	}

	async createUser(user: NewUser): Promise<User> {
		return await answered(
			await this.#request.post('/users/v1', { data: user, headers: await this.#headers() })
		);
	}

	async list(query: Record<string, string>): Promise<User[]> {
		const response = await this.#request.get('/users/v1', { params: query, headers: await this.#headers() });
		return (await answered<{ items: User[] }>(response)).items;
	}

	async find(username: string): Promise<User | null> {
		return (await this.list({ search: username })).find((user) => user.username === username) ?? null;
	}

	async get(id: string): Promise<User> {
		return (await this.#version(id)).user;
	}

	async change(id: string, changes: UserChanges): Promise<User> {
		const { etag } = await this.#version(id);
		const headers = { ...(await this.#headers()), 'If-Match': etag };
		return await answered(await this.#request.patch(`/users/v1/${id}`, { data: changes, headers }));
	}

	/** Delete the user where it still exists. */
	async remove(id: string): Promise<void> {
		const found = await this.#request.get(`/users/v1/${id}`, { headers: await this.#headers() });
		if (found.status() === 404) return;
		const headers = { ...(await this.#headers()), 'If-Match': found.headers()['etag'] ?? '' };
		expect((await this.#request.delete(`/users/v1/${id}`, { headers })).status()).toBe(204);
	}

	async createClient(client: object): Promise<void> {
		const options = { data: client, headers: await this.#headers() };
		await answered(await this.#request.post('/clients/v1', options));
	}

	async removeClient(id: string): Promise<void> {
		await this.#remove(`/clients/v1/${id}`);
	}

	async revokeVerifier(id: string): Promise<void> {
		await this.#remove(`/verifiers/v1/${id}`);
	}

	async createProvider(provider: object): Promise<Provider> {
		const options = { data: provider, headers: await this.#headers() };
		return await answered(await this.#request.post('/auth/v1/providers', options));
	}

	async changeProvider(id: string, changes: object): Promise<Provider> {
		const path = `/auth/v1/providers/${id}`;
		const found = await this.#request.get(path, { headers: await this.#headers() });
		const headers = { ...(await this.#headers()), 'If-Match': found.headers()['etag'] ?? '' };
		return await answered(await this.#request.patch(path, { data: changes, headers }));
	}

	async findProvider(name: string): Promise<Provider | null> {
		const response = await this.#request.get('/auth/v1/providers', { headers: await this.#headers() });
		const { items } = await answered<{ items: Provider[] }>(response);
		return items.find((provider) => provider.name === name) ?? null;
	}

	/** Take it off the sign-in page: a provider is never deleted. */
	async disableProvider(id: string): Promise<void> {
		await this.changeProvider(id, { enabled: false });
	}

	/** Make a key of a user's, and return it with the text that is shown once. */
	async createKey(userId: string, key: object): Promise<ApiKey> {
		const options = { data: key, headers: await this.#headers() };
		return await answered(await this.#request.post(`/api/users/${userId}/tokens`, options));
	}

	async changeKey({ owner, id }: ApiKey, changes: object): Promise<void> {
		const path = `/api/users/${owner.id}/tokens/${id}`;
		const found = await this.#request.get(path, { headers: await this.#headers() });
		const headers = { ...(await this.#headers()), 'If-Match': found.headers()['etag'] ?? '' };
		await answered(await this.#request.patch(path, { data: changes, headers }));
	}

	/** Wait until the log has the denial of a request: it is written a moment after the answer. */
	async denialOf(requestId: string): Promise<void> {
		const params = { request_id: requestId };
		await expect
			.poll(async () => {
				const headers = await this.#headers();
				const response = await this.#request.get('/api/admin/decisions', { params, headers });
				return (await answered<{ items: unknown[] }>(response)).items.length;
			})
			.toBe(1);
	}

	async #remove(path: string): Promise<void> {
		const found = await this.#request.get(path, { headers: await this.#headers() });
		const headers = { ...(await this.#headers()), 'If-Match': found.headers()['etag'] ?? '' };
		expect((await this.#request.delete(path, { headers })).status()).toBe(204);
	}

	async #version(id: string): Promise<{ user: User; etag: string }> {
		const response = await this.#request.get(`/users/v1/${id}`, { headers: await this.#headers() });
		return { user: await answered<User>(response), etag: response.headers()['etag'] ?? '' };
	}

	async #headers(): Promise<Record<string, string>> {
		if (this.#token === null || Date.now() > this.#token.renewAt) {
			const value = await signIn(this.#request, this.#who);
			this.#token = { value, renewAt: Date.now() + 120_000 };
		}
		return { ...ownOrigin(), Authorization: `Bearer ${this.#token.value}` };
	}
}

/** Call the management API with an access token of somebody's. */
export async function listUsersWith(request: APIRequestContext, token: string): Promise<APIResponse> {
	return await request.get('/users/v1?limit=1', { headers: { Authorization: `Bearer ${token}` } });
}

async function answered<Body>(response: APIResponse): Promise<Body> {
	if (!response.ok())
		throw new Error(`${response.url()} answered ${response.status()}: ${await response.text()}`);
	return (await response.json()) as Body;
}
