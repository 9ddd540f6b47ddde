/** Authorization requests through a browser, and what comes back to the client (OIDC Core §3.1.2). */
import { createHash, randomBytes } from 'node:crypto';
import type { Arrival, Browser, Page } from './browser';
import { check } from './check';
import type { Client, ClientRole } from './description';
import type { Question } from './provider';
import type { Session } from './session';

export type Parameters = Readonly<Record<string, string | undefined>>;

export interface Wish {
	/** `basic` where nothing else is said. */
	readonly client?: ClientRole;
	/** A fresh one where nothing else is said: nobody has signed in there. */
	readonly browser?: Browser;
	readonly method?: 'GET' | 'POST';
	/** Added to the request; `undefined` leaves a usual one out. */
	readonly with?: Parameters;
	/** Appended as it is: a parameter that stands there twice, say. */
	readonly append?: URLSearchParams;
}

export interface Authorization {
	readonly client: Client;
	readonly role: ClientRole;
	readonly browser: Browser;
	readonly request: Parameters;
	readonly verifier: string | undefined;
	/** What the person was asked, in order. */
	readonly asked: readonly Question[];
	/** What came back to the client, or null where the browser stayed with the issuer. */
	readonly response: URLSearchParams | null;
	/** Where the browser stayed. */
	readonly page: Page | null;
}

/** Ask for a code as `wish` says; the person answers every question of the issuer with yes. */
export async function authorize(session: Session, wish: Wish = {}): Promise<Authorization> {
	const role = wish.client ?? 'basic';
	const client = session.client(role);
	const browser = wish.browser ?? session.newBrowser();
	const verifier = role === 'pkce' || role === 'public' ? random() : undefined;
	const request: Parameters = {
		response_type: 'code',
		client_id: client.client_id,
		redirect_uri: client.redirect_uri,
		scope: 'openid',
		state: random(),
		nonce: random(),
		...(verifier === undefined ? {} : { code_challenge: s256(verifier), code_challenge_method: 'S256' }),
		...wish.with
	};
	const query = encode(request, wish.append);
	const endpoint = session.metadata.authorization_endpoint;
	const start =
		wish.method === 'POST'
			? browser.submit(endpoint, query)
			: browser.open(`${endpoint}?${query.toString()}`);
	const { arrival, asked } = await answer(session, browser, await start);
	const common = { client, role, browser, request, verifier, asked };
	if (arrival.kind === 'page') return { ...common, response: null, page: arrival };
	return { ...common, response: parametersOf(arrival.url, client), page: null };
}

/** The code that a client got. */
export function codeOf(session: Session, authorization: Authorization): string {
	const response = responseOf(session, authorization);
	const error = response.get('error');
	check(
		error === null,
		'The request is answered with a code (OIDC Core §3.1.2.5).',
		`${error ?? ''} ${response.get('error_description') ?? ''}`
	);
	const code = response.get('code');
	check(code, 'An answer without an error has a code (OIDC Core §3.1.2.5).', response.toString());
	check(
		!response.has('access_token') && !response.has('id_token'),
		'No token travels through the browser in the code flow (OIDC Core §3.1.2.5).'
	);
	return code;
}

/** Insist that the request came back with one of `errors` (OIDC Core §3.1.2.6). */
export function expectError(session: Session, authorization: Authorization, ...errors: string[]): void {
	const response = responseOf(session, authorization);
	check(!response.has('code'), `The answer is ${errors.join(' or ')}, and no code.`);
	check(
		errors.includes(response.get('error') ?? ''),
		`The answer is ${errors.join(' or ')} (OIDC Core §3.1.2.6).`,
		response.get('error')
	);
	const description = response.get('error_description') ?? '';
	check(
		/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(description),
		'error_description has only the characters of RFC 6749 §4.1.2.1.',
		description
	);
}

/** What came back, with what every answer has: the state of the request, and the issuer (RFC 9207). */
export function responseOf(session: Session, { response, page, request }: Authorization): URLSearchParams {
	check(
		response,
		'The browser returns to the client.',
		page && `${page.status} at ${page.url.pathname}: ${page.html.replace(/\s+/g, ' ').slice(0, 200)}`
	);
	check(
		response.get('state') === (request['state'] ?? null),
		'The answer has the state of the request, or none (OIDC Core §3.1.2.5).',
		response.get('state')
	);
	check(
		response.get('iss') === session.issuer,
		'Every answer has the issuer as iss (RFC 9207 §2).',
		response.get('iss')
	);
	return response;
}

/** Insist that the browser stays with the issuer, which tells it what is wrong and asks nothing. */
export function expectErrorPage(session: Session, { page, response, asked }: Authorization): void {
	check(
		page,
		'The issuer shows what is wrong and redirects nowhere (RFC 6749 §4.1.2.1).',
		response?.toString()
	);
	check(
		asked.length === 0 && session.provider.asks(page) === null,
		'Nobody is asked to sign in for such a request.',
		asked
	);
}

/** Answer what the issuer asks, until it asks no more. A sign-out is left to who wants one. */
export async function answer(
	session: Session,
	browser: Browser,
	start: Arrival
): Promise<{ arrival: Arrival; asked: Question[] }> {
	const asked: Question[] = [];
	let arrival = start;
	while (arrival.kind === 'page') {
		const question = session.provider.asks(arrival);
		if (question === null || question === 'sign-out') break;
		check(asked.length < 4, 'The questions have an end.', asked);
		asked.push(question);
		arrival =
			question === 'sign-in'
				? await session.provider.signIn(browser, arrival, session.account)
				: await session.provider.consent(browser, arrival);
	}
	return { arrival, asked };
}

function parametersOf(url: URL, { redirect_uri }: Client): URLSearchParams {
	check(
		url.href.split('?')[0] === redirect_uri,
		'The browser is sent to the registered redirect URI and nowhere else (RFC 9700 §4.1).',
		url.href
	);
	check(url.hash === '', 'The answer is in the query (OAuth 2.0 Multiple Response Types §2.1).', url.href);
	for (const name of new Set(url.searchParams.keys()))
		check(url.searchParams.getAll(name).length === 1, 'No parameter is there twice (RFC 6749 §3.1).', name);
	return url.searchParams;
}

export function encode(parameters: Parameters, append?: URLSearchParams): URLSearchParams {
	const entries = Object.entries(parameters).filter(
		(entry): entry is [string, string] => entry[1] !== undefined
	);
	return new URLSearchParams([...entries, ...(append ?? [])]);
}

/** 32 random bytes as text: a state, a nonce, a code verifier. */
export function random(): string {
	return randomBytes(32).toString('base64url');
}

/** RFC 7636 §4.2. */
export function s256(verifier: string): string {
	return createHash('sha256').update(verifier).digest('base64url');
}
