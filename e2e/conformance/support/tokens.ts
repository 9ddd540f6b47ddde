/** The token endpoint and the userinfo endpoint, with the checks that hold for every answer. */
import { createHash } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, type JWTPayload } from 'jose';
import { codeOf, encode, type Authorization, type Parameters } from './authorization';
import { check } from './check';
import type { ClientRole } from './description';
import type { Session } from './session';

const leewaySeconds = 60;

export interface Answer {
	readonly status: number;
	readonly headers: Headers;
	readonly body: Readonly<Record<string, unknown>>;
}

export type IdToken = JWTPayload &
	Readonly<Record<string, unknown>> & { readonly sub: string; readonly iat: number };

export interface Tokens {
	readonly access_token: string;
	readonly refresh_token?: string;
	readonly scope?: string;
	/** As text, for hints. */
	readonly id_token: string;
	readonly claims: IdToken;
}

export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

/** Redeem the code of an authorization and check all that comes back (OIDC Core §3.1.3). */
export async function tokensOf(session: Session, authorization: Authorization): Promise<Tokens> {
	const answer = await redeem(session, authorization, codeOf(session, authorization));
	return await expectTokens(session, answer, authorization);
}

/** Send a code to the token endpoint, as the client it was made for or as another one. */
export async function redeem(
	session: Session,
	{ client, role, verifier }: Authorization,
	code: string,
	{ as = role, with: changed = {} }: { as?: ClientRole; with?: Parameters } = {}
): Promise<Answer> {
	return await requestToken(session, as, {
		grant_type: 'authorization_code',
		code,
		redirect_uri: client.redirect_uri,
		code_verifier: verifier,
		...changed
	});
}

/** Post to the token endpoint with the credentials of a client, the way it is registered for. */
export async function requestToken(
	session: Session,
	role: ClientRole,
	parameters: Parameters | URLSearchParams
): Promise<Answer> {
	const { client_id, client_secret } = session.client(role);
	const body = parameters instanceof URLSearchParams ? parameters : encode(parameters);
	const headers = new Headers({ Accept: 'application/json' });
	if (client_secret === undefined || role === 'post') {
		body.set('client_id', client_id);
		if (client_secret !== undefined) body.set('client_secret', client_secret);
	} else {
		const credentials = [client_id, client_secret].map(encodeURIComponent).join(':');
		headers.set('Authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
	}
	const response = await fetch(session.metadata.token_endpoint, {
		method: 'POST',
		headers,
		body,
		redirect: 'manual'
	});
	check(
		response.headers.get('Content-Type')?.startsWith('application/json'),
		'The token endpoint answers in JSON (RFC 6749 §5.1).',
		`${response.status} ${response.headers.get('Content-Type') ?? ''}`
	);
	return {
		status: response.status,
		headers: response.headers,
		body: (await response.json()) as Record<string, unknown>
	};
}

/** Check an answer with tokens for a code (RFC 6749 §5.1, OIDC Core §3.1.3.3, §3.1.3.7). */
export async function expectTokens(
	session: Session,
	{ status, headers, body }: Answer,
	{ role, request }: Authorization
): Promise<Tokens> {
	check(status === 200, 'The token endpoint answers a good request with 200 (RFC 6749 §5.1).', [
		status,
		body
	]);
	check(
		headers.get('Cache-Control')?.includes('no-store'),
		'Tokens are not to be cached (RFC 6749 §5.1).',
		headers.get('Cache-Control')
	);
	const { access_token, token_type, expires_in, id_token, refresh_token, scope } = body;
	check(
		typeof access_token === 'string' && /^[A-Za-z0-9._~+/-]+=*$/.test(access_token),
		'There is an access token that fits into a header (RFC 6750 §2.1).'
	);
	check(
		typeof token_type === 'string' && token_type.toLowerCase() === 'bearer',
		'The token type is Bearer (OIDC Core §3.1.3.3).',
		token_type
	);
	check(
		expires_in === undefined || (Number.isInteger(expires_in) && Number(expires_in) > 0),
		'expires_in is a number of seconds (RFC 6749 §5.1).',
		expires_in
	);
	check(typeof id_token === 'string', 'There is an ID token (OIDC Core §3.1.3.3).');
	const claims = await checkIdToken(session, role, id_token, {
		nonce: request['nonce'],
		accessToken: access_token
	});
	return {
		access_token,
		...(typeof refresh_token === 'string' ? { refresh_token } : {}),
		...(typeof scope === 'string' ? { scope } : {}),
		id_token,
		claims
	};
}

/** Check an ID token as the client it is for must (OIDC Core §2, §3.1.3.7, §3.1.3.8), and return its claims. */
export async function checkIdToken(
	session: Session,
	role: ClientRole,
	idToken: string,
	{ nonce, accessToken }: { nonce: string | undefined; accessToken: string }
): Promise<IdToken> {
	const { alg } = decodeProtectedHeader(idToken);
	check(
		alg === 'RS256',
		'ID tokens are signed with RS256 where nothing else was agreed (OIDC Core §2).',
		alg
	);
	const claims = await verified(session, idToken);
	const now = Date.now() / 1000;
	const client = session.client(role).client_id;
	const audience = [claims.aud ?? []].flat();
	check(claims.iss === session.issuer, 'The ID token names the issuer (OIDC Core §3.1.3.7).', claims.iss);
	check(audience.includes(client), 'The ID token is for the client (OIDC Core §3.1.3.7).', claims.aud);
	check(
		claims['azp'] === client || (claims['azp'] === undefined && audience.length === 1),
		'azp is the client, where it is there or needed (OIDC Core §3.1.3.7).',
		claims['azp']
	);
	check(
		typeof claims.sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(claims.sub),
		'sub is at most 255 ASCII characters (OIDC Core §2).',
		claims.sub
	);
	check(isTime(claims.exp) && claims.exp > now - leewaySeconds, 'The ID token has not expired.', claims.exp);
	check(
		isTime(claims.iat) && Math.abs(claims.iat - now) < leewaySeconds,
		'The ID token was issued now (OIDC Core §2).',
		claims.iat
	);
	check(
		claims['nonce'] === nonce,
		'The ID token has the nonce of the request, and none where there was none (OIDC Core §3.1.2.1).',
		claims['nonce']
	);
	check(
		claims['auth_time'] === undefined || isTime(claims['auth_time']),
		'auth_time is a number (OIDC Core §2).',
		claims['auth_time']
	);
	check(
		claims['at_hash'] === undefined || claims['at_hash'] === leftHalfHash(accessToken),
		'at_hash belongs to the access token (OIDC Core §3.1.3.8).',
		claims['at_hash']
	);
	return { ...claims, sub: claims.sub, iat: claims.iat };
}

async function verified(session: Session, idToken: string): Promise<JWTPayload> {
	try {
		const { payload } = await compactVerify(idToken, session.keys, { algorithms: ['RS256'] });
		return JSON.parse(new TextDecoder().decode(payload)) as JWTPayload;
	} catch (error) {
		check(false, 'The ID token is signed with a published key (OIDC Core §3.1.3.7).', String(error));
	}
}

/** Insist on an error of the token endpoint (RFC 6749 §5.2). */
export function expectTokenError({ status, body }: Answer, statusWanted: number, ...errors: string[]): void {
	check(
		status === statusWanted && errors.includes(String(body['error'])),
		`The token endpoint answers ${statusWanted} ${errors.join(' or ')} (RFC 6749 §5.2).`,
		[status, body['error'] ?? Object.keys(body)]
	);
	check(
		/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(String(body['error_description'] ?? '')),
		'error_description has only the characters of RFC 6749 §5.2.',
		body['error_description']
	);
}

export type UserinfoMethod = 'GET' | 'POST with the token in the header' | 'POST with the token in the body';

/** Ask the userinfo endpoint. */
export async function requestUserinfo(
	session: Session,
	accessToken: string,
	how: UserinfoMethod = 'GET'
): Promise<Response> {
	const inBody = how === 'POST with the token in the body';
	return await fetch(session.metadata.userinfo_endpoint, {
		method: how === 'GET' ? 'GET' : 'POST',
		headers: inBody ? {} : { Authorization: `Bearer ${accessToken}` },
		...(inBody ? { body: new URLSearchParams({ access_token: accessToken }) } : {}),
		redirect: 'manual'
	});
}

/** Ask the userinfo endpoint and check what every answer has (OIDC Core §5.3.2). */
export async function userinfo(
	session: Session,
	{ access_token, claims: { sub } }: Tokens,
	how: UserinfoMethod = 'GET'
): Promise<Claims> {
	const response = await requestUserinfo(session, access_token, how);
	check(response.status === 200, `Userinfo answers a ${how} (OIDC Core §5.3.1).`, response.status);
	check(
		response.headers.get('Content-Type')?.startsWith('application/json'),
		'Userinfo answers in JSON (OIDC Core §5.3.2).',
		response.headers.get('Content-Type')
	);
	const claims = (await response.json()) as Record<string, unknown>;
	check(
		claims['sub'] === sub,
		'Userinfo is about the subject of the ID token (OIDC Core §5.3.2).',
		claims['sub']
	);
	return { ...claims, sub };
}

function isTime(value: unknown): value is number {
	return typeof value === 'number' && Number.isFinite(value);
}

function leftHalfHash(token: string): string {
	return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url');
}
