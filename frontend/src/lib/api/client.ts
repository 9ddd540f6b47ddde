/**
 * The only place that calls `fetch`.
 *
 * Unsafe requests carry `X-CSRF: 1`; calls of the api and of the user management carry the access token, which is renewed
 * once, silently, when it is about to end or a server refuses it. Every refusal leaves here as a `Problem`.
 */
import createClient, { type Client } from 'openapi-fetch';
import {
	AccessTokens,
	accessToken,
	type AccessToken,
	type Events,
	type Platform
} from '$lib/auth/access-tokens';
import type { paths as ApiPaths } from './generated/api';
import type { paths as IssuerPaths } from './generated/issuer';
import { Problem, problemFrom, problemFromThrown } from './problem';

/** Tells whether the back end could be reached, for the banner. */
export interface Reachability {
	reached(): void;
	failed(problem: Problem): void;
}

export interface ClientParts {
	readonly origin: string;
	readonly fetch: typeof globalThis.fetch;
	readonly platform: Platform;
	readonly events: Events;
	readonly reachability: Reachability;
}

/** What the address of the sign-out page says (RP-Initiated Logout §2). */
export type SignOutRequest =
	IssuerPaths['/auth/v1/logout/confirm']['post']['requestBody']['content']['application/json'];

export interface Clients {
	/** Routes that work with cookies: sign in, sign out, redeem a one-time link. */
	readonly cookies: Client<IssuerPaths>;
	readonly issuer: Client<IssuerPaths>;
	readonly api: Client<ApiPaths>;
	readonly tokens: AccessTokens;
	/**
	 * Sign in with a password for a transaction; returns where the browser goes on. With `link`, the identity that waits
	 * under that id is linked to the account. Throws `unknown_transaction`, `invalid_credentials`, `too_many_attempts`,
	 * `unavailable` … and for a link `unknown_sign_in`, `identity_taken`, `sign_in_refused`.
	 */
	signIn(transaction: string, username: string, password: string, link?: string): Promise<string>;
	/**
	 * End this session, or all sessions of the person; the browser leaves the page, perhaps to end its session at the
	 * identity provider too. Throws where the server did not confirm it.
	 */
	signOut(everywhere: boolean): Promise<void>;
	/** End this session as a client has asked for; returns where the browser goes on. Throws where it was not confirmed. */
	confirmSignOut(request: SignOutRequest): Promise<string>;
}

const safeMethods = ['GET', 'HEAD', 'OPTIONS'];
/** The two refusals that a fresh access token can cure; a 403 it cannot. */
const curable = ['invalid_token', 'authentication_required'];
const timeoutMs = 15_000;

export function createClients({ origin, fetch, platform, events, reachability }: ClientParts): Clients {
	const options = { baseUrl: origin, credentials: 'same-origin' as const, cache: 'no-store' as const };

	async function send(request: Request): Promise<Response> {
		if (!safeMethods.includes(request.method)) request.headers.set('X-CSRF', '1');
		const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)]);
		try {
			const response = await fetch(request, { signal });
			// A 503 comes from a server that lacks a part; whatever else it says, it is there.
			if (response.status < 500) reachability.reached();
			return response;
		} catch (thrown) {
			const problem = problemFromThrown(thrown);
			if (problem instanceof Problem) reachability.failed(problem);
			throw problem;
		}
	}

	async function sendWithToken(request: Request): Promise<Response> {
		const token = await tokens.current();
		if (token === null) throw signedOut();
		const again = request.clone();
		const response = await send(authorized(request, token));
		if (response.status !== 401 || !curable.includes((await problemOf(response.clone())).code))
			return response;

		const fresh = await tokens.replace(token.value);
		if (fresh === null) throw signedOut();
		return await send(authorized(again, fresh));
	}

	const cookies = createClient<IssuerPaths>({ ...options, fetch: send });
	const tokens = new AccessTokens(refresh, platform, events);

	async function refresh(): Promise<AccessToken | null> {
		const sentAt = platform.now();
		try {
			const { access_token, expires_in } = await answer(cookies.POST('/auth/v1/refresh'));
			return accessToken(access_token, expires_in, sentAt);
		} catch (thrown) {
			if (!(thrown instanceof Problem)) throw thrown;
			if (thrown.status === 401 || (thrown.status === 400 && thrown.code === 'invalid_grant')) return null;
			reachability.failed(thrown);
			throw thrown;
		}
	}

	return {
		cookies,
		issuer: createClient<IssuerPaths>({ ...options, fetch: sendWithToken }),
		api: createClient<ApiPaths>({ ...options, fetch: sendWithToken }),
		tokens,
		signIn: (transaction, username, password, link) =>
			tokens.replaceSession(async () => {
				const body = { username, password, transaction, ...(link === undefined ? {} : { link }) };
				const given = await answer(cookies.POST('/auth/v1/login/local', { body }));
				// Without a transaction the same route answers with tokens, which the app never asks for.
				if (!('continue' in given)) throw unreadable();
				return given.continue;
			}),
		signOut: async (everywhere) =>
			void (await tokens.signOut(
				async () => {
					const query = everywhere ? { all: true } : {};
					// Without a body where there is nothing to end elsewhere.
					const given = await answer(cookies.POST('/auth/v1/logout', { params: { query } }));
					return given?.continue ?? null;
				},
				(way) => way
			)),
		confirmSignOut: (request) =>
			tokens.signOut(
				async () => (await answer(cookies.POST('/auth/v1/logout/confirm', { body: request }))).continue
			)
	};
}

interface Answer<Data> {
	data?: Data;
	error?: unknown;
	response: Response;
}

/** The body of a successful answer; a refusal is thrown as a `Problem`. */
export async function answer<Data>(call: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
	return (await answerWithHeaders(call)).data;
}

/** Like `answer`, with the headers (`ETag`). An answer without a body has no data: ask for none where the contract says 204. */
export async function answerWithHeaders<Data>(
	call: Promise<Answer<Data>>
): Promise<{ data: NonNullable<Data>; headers: Headers }> {
	let result: Answer<Data>;
	try {
		result = await call;
	} catch (thrown) {
		// A body that is not what its content type says makes the parser throw a SyntaxError.
		if (thrown instanceof SyntaxError) throw unreadable(thrown);
		throw problemFromThrown(thrown);
	}
	if (!result.response.ok) throw problemFrom(result.response, result.error);
	if (result.data === undefined && result.response.status !== 204) throw unreadable();
	return { data: result.data as NonNullable<Data>, headers: result.response.headers };
}

function authorized(request: Request, token: AccessToken): Request {
	request.headers.set('Authorization', `Bearer ${token.value}`);
	return request;
}

async function problemOf(response: Response): Promise<Problem> {
	const body: unknown = await response.json().catch(() => null);
	return problemFrom(response, body);
}

function signedOut(): Problem {
	return new Problem({ status: 401, code: 'signed_out', detail: 'You are signed out.' });
}

function unreadable(cause?: unknown): Problem {
	return new Problem(
		{ status: 0, code: 'unreadable', detail: 'The server’s answer could not be read.' },
		{ cause }
	);
}
