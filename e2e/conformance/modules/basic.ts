/** The Basic OP plan, `oidcc-basic-certification-test-plan`: its modules in its order, each under its name there. */
import { decodeProtectedHeader, UnsecuredJWT } from 'jose';
import {
	authorize,
	codeOf,
	expectError,
	expectErrorPage,
	random,
	responseOf,
	s256,
	type Authorization,
	type Wish
} from '../support/authorization';
import { check } from '../support/check';
import type { Session } from '../support/session';
import {
	checkIdToken,
	expectTokenError,
	expectTokens,
	redeem,
	requestToken,
	requestUserinfo,
	tokensOf,
	userinfo,
	type Claims,
	type Tokens,
	type UserinfoMethod
} from '../support/tokens';
import type { Module, Wait } from './module';

const claimsOfScope: Readonly<Record<string, readonly string[]>> = {
	profile: [
		'name',
		'family_name',
		'given_name',
		'middle_name',
		'nickname',
		'preferred_username',
		'profile',
		'picture',
		'website',
		'gender',
		'birthdate',
		'zoneinfo',
		'locale',
		'updated_at'
	],
	email: ['email', 'email_verified'],
	address: ['address'],
	phone: ['phone_number', 'phone_number_verified']
};
const needsAPerson = [
	'login_required',
	'interaction_required',
	'consent_required',
	'account_selection_required'
];

export const basicModules: readonly Module[] = [
	basic('oidcc-server', 'A code flow ends in tokens that fit the request.', async (session) => {
		const tokens = await signIn(session);
		await userinfo(session, tokens);
	}),

	basic('oidcc-response-type-missing', 'A request without response_type is refused.', async (session) => {
		const authorization = await authorize(session, { with: { response_type: undefined } });
		if (authorization.page) expectErrorPage(session, authorization);
		else expectError(session, authorization, 'invalid_request', 'unsupported_response_type');
	}),

	basic('oidcc-idtoken-signature', 'ID tokens are signed with RS256 and name their key.', async (session) => {
		const { id_token } = await signIn(session);
		const { alg, kid } = decodeProtectedHeader(id_token);
		check(alg === 'RS256', 'The default algorithm of ID tokens is RS256 (OIDC Core §3.1.3.7).', alg);
		check(typeof kid === 'string' && kid !== '', 'The ID token names its key (OIDC Core §10.1).', kid);
	}),

	basic(
		'oidcc-idtoken-unsigned',
		'Nobody gets an unsigned ID token who did not register for it.',
		async (session) => {
			const offered = session.metadata.id_token_signing_alg_values_supported ?? [];
			await signIn(session);
			return offered.includes('none') ? undefined : 'unsigned ID tokens';
		}
	),

	userinfoModule('oidcc-userinfo-get', 'GET'),
	userinfoModule('oidcc-userinfo-post-header', 'POST with the token in the header'),
	userinfoModule('oidcc-userinfo-post-body', 'POST with the token in the body'),

	basic(
		'oidcc-ensure-request-without-nonce-succeeds-for-code-flow',
		'The nonce is optional in the code flow.',
		async (session) => {
			// A client that has to send one of the two sends the other.
			const strict = session.description.requires_nonce_without_pkce === true;
			const authorization = await authorize(session, {
				...(strict ? { client: 'pkce' as const } : {}),
				with: { nonce: undefined }
			});
			await tokensOf(session, authorization);
			return strict ? 'a client that sends neither a nonce nor a code challenge' : undefined;
		}
	),

	scopeModule('oidcc-scope-profile', ['profile']),
	scopeModule('oidcc-scope-email', ['email']),
	scopeModule('oidcc-scope-address', ['address']),
	scopeModule('oidcc-scope-phone', ['phone']),
	scopeModule('oidcc-scope-all', ['profile', 'email', 'address', 'phone']),

	basic('oidcc-ensure-other-scope-order-succeeds', 'openid may stand anywhere in scope.', async (session) => {
		const tokens = await signIn(session, { with: { scope: 'email openid' } });
		const claims = await userinfo(session, tokens);
		check(typeof claims['email'] === 'string', 'The scope before openid counts too (RFC 6749 §3.3).', claims);
	}),

	harmless('oidcc-display-page', 'display=page', () => ({ display: 'page' })),
	harmless('oidcc-display-popup', 'display=popup', () => ({ display: 'popup' })),

	basic('oidcc-prompt-login', 'prompt=login asks for the password again.', async (session, wait) => {
		const first = await begin(session);
		await wait(1.1);
		const again = await authorize(session, { browser: first.browser, with: { prompt: 'login' } });
		check(again.asked.includes('sign-in'), 'prompt=login asks again (OIDC Core §3.1.2.1).', again.asked);
		const second = await tokensOf(session, again);
		const [before, after] = [first.tokens.claims['auth_time'], second.claims['auth_time']];
		check(
			before === undefined || Number(after) > Number(before),
			'auth_time is that of the second sign-in (OIDC Core §2).',
			[before, after]
		);
	}),

	basic('oidcc-prompt-none-not-logged-in', 'prompt=none asks nobody.', async (session) => {
		const authorization = await authorize(session, { with: { prompt: 'none' } });
		expectError(session, authorization, ...needsAPerson);
	}),

	basic('oidcc-prompt-none-logged-in', 'prompt=none succeeds for who has signed in.', async (session) => {
		const first = await begin(session);
		await silently(session, first, { prompt: 'none' });
	}),

	basic('oidcc-max-age-1', 'A sign-in older than max_age is renewed.', async (session, wait) => {
		const first = await begin(session);
		await wait(2.1);
		const again = await authorize(session, { browser: first.browser, with: { max_age: '1' } });
		check(
			again.asked.includes('sign-in'),
			'A sign-in older than max_age is renewed (OIDC Core §3.1.2.1).',
			again.asked
		);
		const { claims } = await tokensOf(session, again);
		const authTime = Number(claims['auth_time']);
		check(
			Number.isInteger(authTime) && claims.iat - authTime <= 2,
			'auth_time is there with max_age, and not older (OIDC Core §2).',
			[claims.iat, claims['auth_time']]
		);
		check(claims.sub === first.tokens.claims.sub, 'The subject stays the same.', claims.sub);
	}),

	basic('oidcc-max-age-10000', 'A sign-in younger than max_age suffices.', async (session) => {
		const first = await begin(session, { with: { max_age: '10000' } });
		await silently(session, first, { max_age: '10000' });
		check(
			Number.isInteger(first.tokens.claims['auth_time']),
			'auth_time is there with max_age (OIDC Core §2).',
			first.tokens.claims['auth_time']
		);
	}),

	harmless('oidcc-ensure-request-with-unknown-parameter-succeeds', 'An unknown parameter', () => ({
		extra: 'foobar'
	})),

	basic('oidcc-id-token-hint', 'A hint at who has signed in is accepted.', async (session) => {
		const first = await begin(session);
		await silently(session, first, { prompt: 'none', id_token_hint: first.tokens.id_token });
	}),

	harmless('oidcc-login-hint', 'login_hint', ({ account }) => ({ login_hint: account.username })),
	harmless('oidcc-ui-locales', 'ui_locales', () => ({ ui_locales: 'se' })),
	harmless('oidcc-claims-locales', 'claims_locales', () => ({ claims_locales: 'se' })),
	harmless('oidcc-ensure-request-with-acr-values-succeeds', 'acr_values', ({ metadata }) => ({
		acr_values: metadata.acr_values_supported?.join(' ') ?? '1 2'
	})),

	basic('oidcc-codereuse', 'A code works once.', async (session) => {
		await reuse(session, async () => {});
	}),
	basic(
		'oidcc-codereuse-30seconds',
		'A second use of a code revokes what the first one gave.',
		async (session, wait) => {
			const { access_token } = await reuse(session, () => wait(30));
			const { status } = await requestUserinfo(session, access_token);
			check(status === 401, 'The second use of a code revokes its tokens (RFC 6749 §4.1.2).', status);
		}
	),

	basic(
		'oidcc-ensure-registered-redirect-uri',
		'A redirect URI that is not registered is never used.',
		async (session) => {
			const { redirect_uri } = session.client('basic');
			for (const uri of [
				`${redirect_uri}/${random()}`,
				`${redirect_uri}?a=b`,
				'https://elsewhere.example.test/'
			])
				expectErrorPage(session, await authorize(session, { with: { redirect_uri: uri } }));
		}
	),

	basic('oidcc-ensure-post-request-succeeds', 'The authorization endpoint takes a POST.', async (session) => {
		await signIn(session, { method: 'POST' });
	}),

	basic('oidcc-server-client-secret-post', 'A client may send its secret in the form.', async (session) => {
		await userinfo(session, await signIn(session, { client: 'post' }));
	}),

	basic(
		'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported',
		'request_uri works or is refused by its name.',
		async (session) => {
			const authorization = await authorize(session, {
				with: { request_uri: 'https://request.example.test/object.jwt' }
			});
			expectError(session, authorization, 'request_uri_not_supported');
			return 'request_uri';
		}
	),

	basic(
		'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported',
		'An unsigned request object is refused by its name, and not passed over.',
		async (session) => {
			const { response, asked } = await authorize(session, { with: { request: unsignedObject(session) } });
			const error = response?.get('error') ?? 'no error';
			// Who reads signed objects has another word for those that are not.
			const word = session.metadata.request_parameter_supported
				? 'invalid_request_object'
				: 'request_not_supported';
			check(error === word && asked.length === 0, `The answer is ${word} (OIDC Core §3.1.2.6).`, [
				error,
				asked
			]);
			return 'unsigned request objects';
		}
	),

	basic(
		'oidcc-claims-essential',
		'A claim that is asked for by name is given, where claims is offered.',
		async (session) => {
			const claims = JSON.stringify({ userinfo: { name: { essential: true } } });
			const tokens = await signIn(session, { with: { claims } });
			const found = await userinfo(session, tokens);
			if (session.metadata.claims_parameter_supported !== true) return 'the parameter claims';
			check(
				typeof found['name'] === 'string',
				'Userinfo has the claim that was asked for (OIDC Core §5.5).',
				found
			);
			check(!('name' in tokens.claims), 'The ID token has not: it was asked of userinfo (OIDC Core §5.5).');
			return undefined;
		}
	),

	basic(
		'oidcc-ensure-request-object-with-redirect-uri',
		'An unregistered redirect URI stays unused, whatever a request object beside it says.',
		async (session) => {
			const redirect_uri = `${session.client('basic').redirect_uri}/${random()}`;
			const authorization = await authorize(session, {
				with: { redirect_uri, request: unsignedObject(session) }
			});
			expectErrorPage(session, authorization);
			return 'unsigned request objects';
		}
	),

	basic('oidcc-refresh-token', 'Refresh tokens work, for their client alone.', async (session) => {
		const offline = { scope: 'openid offline_access', prompt: 'consent' };
		const first = await signIn(session, { with: offline });
		const second = await refresh(session, first);
		check(second.access_token !== first.access_token, 'Refreshing gives a new access token (RFC 6749 §6).');
		await userinfo(session, second);
		const stranger = await requestToken(session, 'other', {
			grant_type: 'refresh_token',
			refresh_token: second.refresh_token
		});
		expectTokenError(stranger, 400, 'invalid_grant');
		// Whoever finds a token must not be able to sign its owner out.
		await userinfo(session, await refresh(session, second));
	}),

	basic(
		'oidcc-ensure-request-with-valid-pkce-succeeds',
		'A client may send a code challenge.',
		async (session) => {
			const code_verifier = random();
			const authorization = await authorize(session, {
				with: { code_challenge: s256(code_verifier), code_challenge_method: 'S256' }
			});
			const code = codeOf(session, authorization);
			const answer = await redeem(session, authorization, code, { with: { code_verifier } });
			await expectTokens(session, answer, authorization);
		}
	)
];

function basic(
	name: string,
	promise: string,
	run: (session: Session, wait: Wait) => Promise<string | void>
): Module {
	return { name, plan: 'Basic OP', promise, run };
}

/** A parameter that a provider must accept and may ignore (OIDC Core §3.1.2.1, §15.1). */
function harmless(
	name: string,
	what: string,
	parameters: (session: Session) => Record<string, string>
): Module {
	return basic(name, `${what} does no harm.`, async (session) => {
		await signIn(session, { with: parameters(session) });
	});
}

function userinfoModule(name: string, how: UserinfoMethod): Module {
	return basic(name, `Userinfo answers a ${how}.`, async (session) => {
		const claims = await userinfo(session, await signIn(session), how);
		checkTypes(claims);
		for (const scope of Object.keys(claimsOfScope)) expectNone(claims, scope);
	});
}

function scopeModule(name: string, scopes: readonly string[]): Module {
	return basic(name, `The scope ${scopes.join(' ')} gives its claims, and no others.`, async (session) => {
		const offered = scopes.filter((scope) => session.offersScope(scope));
		const missing = scopes.filter((scope) => !session.offersScope(scope));
		const authorization = await authorize(session, { with: { scope: ['openid', ...scopes].join(' ') } });
		const notOffered = missing.length > 0 ? `the scope ${missing.join(', ')}` : undefined;
		if (notOffered !== undefined && authorization.response?.get('error') === 'invalid_scope') {
			responseOf(session, authorization);
			return notOffered;
		}
		const claims = await userinfo(session, await tokensOf(session, authorization));
		checkTypes(claims);
		for (const scope of offered)
			check(
				(claimsOfScope[scope] ?? []).some((claim) => claim in claims),
				`The scope ${scope} gives claims (OIDC Core §5.4).`,
				Object.keys(claims)
			);
		for (const scope of Object.keys(claimsOfScope).filter((scope) => !offered.includes(scope)))
			expectNone(claims, scope);
		return notOffered;
	});
}

function expectNone(claims: Claims, scope: string): void {
	const given = (claimsOfScope[scope] ?? []).filter((claim) => claim in claims);
	check(
		given.length === 0,
		`Without the scope ${scope} there are none of its claims (OIDC Core §5.4).`,
		given
	);
}

/** OIDC Core §5.1. */
function checkTypes(claims: Claims): void {
	const booleans = ['email_verified', 'phone_number_verified'];
	for (const [claim, value] of Object.entries(claims)) {
		if (!Object.values(claimsOfScope).flat().includes(claim)) continue;
		const type = booleans.includes(claim)
			? 'boolean'
			: claim === 'updated_at'
				? 'number'
				: claim === 'address'
					? 'object'
					: 'string';
		check(typeof value === type && value !== null, `${claim} is of type ${type} (OIDC Core §5.1).`, value);
	}
}

async function signIn(session: Session, wish: Wish = {}): Promise<Tokens> {
	return await tokensOf(session, await authorize(session, wish));
}

interface Beginning extends Authorization {
	readonly tokens: Tokens;
}

/** Sign in, and keep the browser. */
async function begin(session: Session, wish: Wish = {}): Promise<Beginning> {
	const authorization = await authorize(session, wish);
	return { ...authorization, tokens: await tokensOf(session, authorization) };
}

/** Ask again in the same browser: nobody is asked anything, and it is the same sign-in. */
async function silently(
	session: Session,
	first: Beginning,
	parameters: Record<string, string>
): Promise<void> {
	const again = await authorize(session, { browser: first.browser, with: parameters });
	const { claims } = await tokensOf(session, again);
	check(again.asked.length === 0, 'Nobody is asked again (OIDC Core §3.1.2.1).', again.asked);
	check(claims.sub === first.tokens.claims.sub, 'The subject stays the same (OIDC Core §2).', claims.sub);
	check(
		claims['auth_time'] === first.tokens.claims['auth_time'],
		'auth_time stays that of the sign-in (OIDC Core §2).',
		[first.tokens.claims['auth_time'], claims['auth_time']]
	);
}

/** Redeem a code twice; return what the first time gave. */
async function reuse(session: Session, between: () => Promise<void>): Promise<Tokens> {
	const authorization = await authorize(session);
	const code = codeOf(session, authorization);
	const tokens = await expectTokens(session, await redeem(session, authorization, code), authorization);
	await between();
	expectTokenError(await redeem(session, authorization, code), 400, 'invalid_grant');
	return tokens;
}

async function refresh(session: Session, { refresh_token, claims }: Tokens): Promise<Tokens> {
	check(refresh_token, 'offline_access gives a refresh token (OIDC Core §11).');
	check(/^[\x20-\x7e]+$/.test(refresh_token), 'A refresh token is ASCII (RFC 6749 appendix A.17).');
	const { status, headers, body } = await requestToken(session, 'basic', {
		grant_type: 'refresh_token',
		refresh_token
	});
	check(status === 200, 'A refresh token works (RFC 6749 §6).', [status, body]);
	check(headers.get('Cache-Control')?.includes('no-store'), 'Tokens are not to be cached (RFC 6749 §5.1).');
	const access_token = body['access_token'];
	check(typeof access_token === 'string', 'Refreshing gives an access token (RFC 6749 §6).', body);
	const id_token = body['id_token'];
	let renewed = claims;
	if (typeof id_token === 'string') {
		// A refreshed ID token needs no nonce; where there is one, it is the first one's (OIDC Core §12.2).
		const { nonce } = JSON.parse(Buffer.from(id_token.split('.')[1] ?? '', 'base64url').toString()) as {
			nonce?: string;
		};
		check(
			nonce === undefined || nonce === claims['nonce'],
			'The nonce is the first one (OIDC Core §12.2).',
			nonce
		);
		renewed = await checkIdToken(session, 'basic', id_token, { nonce, accessToken: access_token });
		check(renewed.sub === claims.sub, 'Refreshing keeps the subject (OIDC Core §12.2).', renewed.sub);
		check(renewed['auth_time'] === claims['auth_time'], 'Refreshing keeps auth_time (OIDC Core §12.2).', [
			claims['auth_time'],
			renewed['auth_time']
		]);
	}
	const next = body['refresh_token'];
	return {
		access_token,
		refresh_token: typeof next === 'string' ? next : refresh_token,
		id_token: typeof id_token === 'string' ? id_token : '',
		claims: renewed
	};
}

/** A whole request in an unsigned object (OIDC Core §6.1). */
function unsignedObject(session: Session): string {
	const { client_id, redirect_uri } = session.client('basic');
	return new UnsecuredJWT({
		response_type: 'code',
		client_id,
		redirect_uri,
		scope: 'openid',
		state: random(),
		nonce: random()
	})
		.setIssuer(client_id)
		.setAudience(session.issuer)
		.encode();
}
