/** For every module what an issuer may do wrong, and what the module says then. */
import { moduleNamed } from '../modules';
import { s256 } from '../support/authorization';
import type { Breakage } from './breakage';
import {
	answer,
	anyClient,
	callback,
	codeForAnything,
	codeWorksAgain,
	idToken,
	ignore,
	instead,
	laterIdToken,
	openRedirector,
	redirect,
	refuse,
	refuseWhere,
	request,
	returned,
	reuseHasNoConsequence,
	sessionSurvives,
	tokenError,
	unsignedIdToken
} from './wrongs';

type Row = () => Breakage;

/** Each row makes its breakage anew: some of them remember what they saw. */
const rows: Readonly<Record<string, readonly Row[]>> = {
	'oidcc-server': [
		() => ({ what: 'answers without iss', noticed: /iss \(RFC 9207/, ...callback((to) => to.delete('iss')) }),
		() => ({
			what: 'answers without the state',
			noticed: /has the state/,
			...callback((to) => to.delete('state'))
		}),
		() => ({
			what: 'sends a token through the browser',
			noticed: /No token travels/,
			...callback((to) => to.set('access_token', 'seen-by-everybody'))
		}),
		() => ({
			what: 'drops the nonce',
			noticed: /has the nonce/,
			...idToken((claims) => delete claims['nonce'])
		}),
		() => ({
			what: 'names another issuer in the ID token',
			noticed: /names the issuer/,
			...idToken((claims) => (claims.iss = 'https://elsewhere.example.test'))
		}),
		() => ({
			what: 'makes the ID token for somebody else',
			noticed: /is for the client/,
			...idToken((claims) => (claims.aud = 'somebody-else'))
		}),
		() => ({
			what: 'gives an ID token that has expired',
			noticed: /has not expired/,
			...idToken((claims) => (claims.exp = 1_000_000_000))
		}),
		() => ({
			what: 'gives an at_hash of another token',
			noticed: /at_hash/,
			...idToken((claims) => (claims['at_hash'] = 'AAAAAAAAAAAAAAAAAAAAAA'))
		}),
		() => ({
			what: 'signs the ID token with a key that it does not publish',
			noticed: /published key/,
			...answer('token', (body) => {
				const [header, payload, signature] = String(body['id_token']).split('.');
				body['id_token'] = [header, payload, `AAAA${signature?.slice(4) ?? ''}`].join('.');
			})
		}),
		() => ({
			what: 'lets tokens be cached',
			noticed: /not to be cached/,
			...answer('token', (_, { headers }) => headers.set('cache-control', 'max-age=60'))
		})
	],
	'oidcc-response-type-missing': [
		() => ({
			what: 'takes code for what is missing',
			noticed: /and no code/,
			...request('authorization', (parameters) => {
				if (!parameters.has('response_type')) parameters.set('response_type', 'code');
			})
		})
	],
	'oidcc-idtoken-signature': [
		() => ({
			what: 'does not name the key',
			noticed: /names its key/,
			...idToken((_, header) => delete header.kid)
		})
	],
	'oidcc-idtoken-unsigned': [
		() => ({ what: 'does not sign', noticed: /signed with RS256/, ...unsignedIdToken() })
	],
	'oidcc-userinfo-get': [
		() => ({
			what: 'tells about somebody else',
			noticed: /about the subject/,
			...answer('userinfo', (claims) => (claims['sub'] = 'somebody-else'))
		}),
		() => ({
			what: 'tells what nobody agreed to',
			noticed: /Without the scope email/,
			...answer('userinfo', (claims) => (claims['email'] = 'ada@example.test'))
		})
	],
	'oidcc-userinfo-post-header': [
		() => ({
			what: 'knows only GET',
			noticed: /answers a POST with the token in the header/,
			...instead('userinfo', ({ method }) =>
				method === 'POST' ? tokenError('invalid_request', 405) : undefined
			)
		})
	],
	'oidcc-userinfo-post-body': [
		() => ({
			what: 'does not look into the body',
			noticed: /answers a POST with the token in the body/,
			...request('userinfo', (form) => form.delete('access_token'))
		})
	],
	'oidcc-ensure-request-without-nonce-succeeds-for-code-flow': [
		() => ({
			what: 'insists on a nonce',
			noticed: /answered with a code/,
			...refuseWhere((parameters) => !parameters.has('nonce'), 'invalid_request')
		}),
		() => ({
			what: 'makes up a nonce',
			noticed: /has the nonce/,
			...idToken((claims) => (claims['nonce'] = 'made-up'))
		})
	],
	'oidcc-scope-profile': [
		() => ({
			what: 'forgets the profile',
			noticed: /scope profile gives claims/,
			...answer('userinfo', (claims) => {
				for (const name of ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'])
					delete claims[name];
			})
		}),
		() => ({
			what: 'writes a time as text',
			noticed: /updated_at is of type number/,
			...answer('userinfo', (claims) => (claims['updated_at'] = '2026-01-01'))
		})
	],
	'oidcc-scope-email': [
		() => ({
			what: 'writes true as text',
			noticed: /email_verified is of type boolean/,
			...answer('userinfo', (claims) => (claims['email_verified'] = 'true'))
		})
	],
	'oidcc-scope-address': [
		() => ({
			profile: 'narrow',
			what: 'tells an address without offering to',
			noticed: /Without the scope address/,
			...answer('userinfo', (claims) => (claims['address'] = { country: 'GB' }))
		}),
		() => ({
			what: 'writes the address as text',
			noticed: /address is of type object/,
			...answer('userinfo', (claims) => (claims['address'] = '1 Example Street'))
		})
	],
	'oidcc-scope-phone': [
		() => ({
			profile: 'narrow',
			what: 'tells a number without offering to',
			noticed: /Without the scope phone/,
			...answer('userinfo', (claims) => (claims['phone_number'] = '+441632960000'))
		}),
		() => ({ what: 'passes over the scope', noticed: /scope phone gives claims/, ...scopeLost('phone') })
	],
	'oidcc-scope-all': [
		() => ({
			what: 'passes over one of the scopes',
			noticed: /scope address gives claims/,
			...scopeLost('address')
		})
	],
	'oidcc-ensure-other-scope-order-succeeds': [
		() => ({
			what: 'wants openid to be first',
			noticed: /answered with a code/,
			...refuseWhere((parameters) => !parameters.get('scope')?.startsWith('openid'), 'invalid_scope')
		}),
		() => ({
			what: 'passes over what stands before openid',
			noticed: /scope before openid/,
			...scopeLost('email')
		})
	],
	'oidcc-display-page': [rejects('display')],
	'oidcc-display-popup': [rejects('display')],
	'oidcc-prompt-login': [
		() => ({ what: 'passes over the prompt', noticed: /prompt=login asks again/, ...ignore('prompt') }),
		() => ({
			what: 'keeps the time of the first sign-in',
			noticed: /that of the second sign-in/,
			...idToken((claims) => (claims['auth_time'] = 1_700_000_000))
		})
	],
	'oidcc-prompt-none-not-logged-in': [
		() => ({ what: 'passes over the prompt', noticed: /and no code/, ...ignore('prompt') }),
		() => ({
			what: 'shows an error instead of returning',
			noticed: /returns to the client/,
			...instead('authorization', () => tokenError('login_required'))
		})
	],
	'oidcc-prompt-none-logged-in': [
		() => ({
			what: 'never succeeds silently',
			noticed: /answered with a code/,
			...refuse('prompt', 'login_required')
		}),
		() => ({
			what: 'takes the silence for a new sign-in',
			noticed: /that of the sign-in/,
			...laterIdToken((claims) => (claims['auth_time'] = Number(claims['auth_time']) + 60))
		})
	],
	'oidcc-max-age-1': [
		() => ({ what: 'passes over max_age', noticed: /older than max_age is renewed/, ...ignore('max_age') }),
		() => ({
			what: 'leaves auth_time out',
			noticed: /auth_time is there/,
			...idToken((claims) => delete claims['auth_time'])
		})
	],
	'oidcc-max-age-10000': [
		() => ({
			what: 'always asks again',
			noticed: /Nobody is asked again/,
			...request('authorization', (parameters) => parameters.set('prompt', 'login'))
		}),
		() => ({
			what: 'leaves auth_time out',
			noticed: /auth_time is there/,
			...idToken((claims) => delete claims['auth_time'])
		})
	],
	'oidcc-ensure-request-with-unknown-parameter-succeeds': [rejects('extra')],
	'oidcc-id-token-hint': [
		rejects('id_token_hint'),
		() => ({
			what: 'signs in somebody else',
			noticed: /subject stays the same/,
			...laterIdToken((claims) => (claims.sub = 'somebody-else'))
		})
	],
	'oidcc-login-hint': [rejects('login_hint')],
	'oidcc-ui-locales': [rejects('ui_locales')],
	'oidcc-claims-locales': [rejects('claims_locales')],
	'oidcc-ensure-request-with-acr-values-succeeds': [rejects('acr_values')],
	'oidcc-codereuse': [
		() => ({ what: 'gives tokens again', noticed: /400 invalid_grant.*200/, ...codeWorksAgain() })
	],
	'oidcc-codereuse-30seconds': [
		() => ({ what: 'gives tokens again', noticed: /400 invalid_grant.*200/, ...codeWorksAgain() }),
		() => ({ what: 'revokes nothing', noticed: /revokes its tokens/, ...reuseHasNoConsequence() })
	],
	'oidcc-ensure-registered-redirect-uri': [
		() => ({
			what: 'reports the error to the address that is not registered',
			noticed: /nowhere else|redirects nowhere/,
			...instead('authorization', (exchange) => returned(exchange, { error: 'invalid_request' }))
		}),
		() => ({
			what: 'compares only the beginning',
			noticed: /redirects nowhere/,
			...request('authorization', (parameters, { description: { clients } }) => {
				const address = parameters.get('redirect_uri') ?? '';
				const { redirect_uri } = clients.basic;
				if (address.startsWith(redirect_uri)) parameters.set('redirect_uri', redirect_uri);
			})
		})
	],
	'oidcc-ensure-post-request-succeeds': [
		() => ({
			what: 'knows only GET',
			noticed: /returns to the client/,
			...instead('authorization', ({ method }) =>
				method === 'POST' ? tokenError('invalid_request', 405) : undefined
			)
		})
	],
	'oidcc-server-client-secret-post': [
		() => ({
			what: 'does not find the secret in the form',
			noticed: /good request with 200/,
			...request('token', (form) => form.delete('client_secret'))
		})
	],
	'oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported': [
		() => ({ what: 'passes over it', noticed: /and no code/, ...ignore('request_uri') }),
		() => ({
			what: 'refuses it by another name',
			noticed: /request_uri_not_supported/,
			...refuse('request_uri')
		})
	],
	'oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported': [
		() => ({
			profile: 'narrow',
			what: 'reads no objects and passes over them',
			noticed: /request_not_supported/,
			...ignore('request')
		}),
		() => ({ what: 'passes over it', noticed: /invalid_request_object/, ...ignore('request') })
	],
	'oidcc-claims-essential': [
		() => ({
			profile: 'narrow',
			what: 'refuses what it does not offer',
			noticed: /answered with a code/,
			...refuse('claims')
		}),
		() => ({
			what: 'forgets the claim',
			noticed: /claim that was asked for/,
			...answer('userinfo', (claims) => delete claims['name'])
		}),
		rejects('claims')
	],
	'oidcc-ensure-request-object-with-redirect-uri': [
		() => ({
			what: 'redirects to what stands beside the object',
			noticed: /redirects nowhere|nowhere else/,
			...instead('authorization', (exchange) => returned(exchange, { code: 'made-up' }))
		})
	],
	'oidcc-refresh-token': [
		() => ({
			what: 'takes a refresh token from anybody',
			noticed: /400 invalid_grant.*200/,
			...anyClient()
		}),
		() => ({
			what: 'gives no refresh token',
			noticed: /gives a refresh token/,
			...answer('token', (body) => delete body['refresh_token'])
		}),
		() => ({
			what: 'refreshes into another subject',
			noticed: /keeps the subject/,
			...laterIdToken((claims) => (claims.sub = 'somebody-else'))
		}),
		() => ({
			what: 'refreshes into a newer sign-in',
			noticed: /keeps auth_time/,
			...laterIdToken((claims) => (claims['auth_time'] = Number(claims['auth_time']) + 60))
		})
	],
	'oidcc-ensure-request-with-valid-pkce-succeeds': [
		() => ({
			what: 'mixes challenges up',
			noticed: /good request with 200/,
			...request('authorization', (parameters) => {
				if (parameters.has('code_challenge')) parameters.set('code_challenge', s256('somebody else'));
			})
		})
	],
	'oidcc-discovery-endpoint-verification': [
		() => ({
			what: 'adds a slash to the issuer',
			noticed: /names its own issuer/,
			...answer('discovery', (document) => (document['issuer'] = `${String(document['issuer'])}/`))
		}),
		() => ({
			what: 'names an endpoint without TLS',
			noticed: /revocation_endpoint is https/,
			...answer('discovery', (document) => (document['revocation_endpoint'] = 'http://localhost/revoke'))
		}),
		() => ({
			what: 'does not offer RS256',
			noticed: /id_token_signing_alg_values_supported has RS256/,
			...answer('discovery', (document) => (document['id_token_signing_alg_values_supported'] = ['ES256']))
		}),
		() => ({
			what: 'leaves the subject types out',
			noticed: /subject_types_supported/,
			...answer('discovery', (document) => delete document['subject_types_supported'])
		}),
		() => ({
			what: 'calls the document text',
			noticed: /document is JSON/,
			...answer('discovery', (_, { headers }) => headers.set('content-type', 'text/plain'))
		}),
		() => ({
			what: 'publishes a private key',
			noticed: /Only the public halves/,
			...answer('keys', ({ keys }) => {
				for (const key of keys as Record<string, unknown>[]) key['d'] = 'AAAA';
			})
		}),
		() => ({
			what: 'names two keys alike',
			noticed: /No two keys/,
			...answer('keys', ({ keys }) => {
				const [first] = keys as object[];
				(keys as object[]).push({ ...first });
			})
		})
	],
	'oidcc-rp-initiated-logout-discovery-endpoint-verification': [
		() => ({
			what: 'does not name the endpoint',
			noticed: /end_session_endpoint is named/,
			...answer('discovery', (document) => delete document['end_session_endpoint'])
		})
	],
	'oidcc-rp-initiated-logout': [
		() => ({ what: 'keeps the session', noticed: /answer is login_required/, ...sessionSurvives() }),
		() => ({ what: 'shortens the state', noticed: /the state and nothing else/, ...callback(shortenState) }),
		() => ({
			what: 'does not return',
			noticed: /returns to the client/,
			...request('endSession', (parameters) => parameters.delete('post_logout_redirect_uri'))
		})
	],
	'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri': [redirectsAnywhere()],
	'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri': [redirectsAnywhere()],
	'oidcc-rp-initiated-logout-modified-id-token-hint': [redirectsAnywhere(), signsOutUnasked()],
	'oidcc-rp-initiated-logout-bad-id-token-hint': [redirectsAnywhere(), signsOutUnasked()],
	'oidcc-rp-initiated-logout-no-id-token-hint': [redirectsAnywhere(), signsOutUnasked()],
	'oidcc-rp-initiated-logout-no-params': [keepsTheSession()],
	'oidcc-rp-initiated-logout-no-post-logout-redirect-uri': [
		keepsTheSession(),
		() => ({
			what: 'returns to where nobody asked it to',
			noticed: /redirected nowhere/,
			...instead('confirmation', ({ description: { clients } }) =>
				redirect(clients.basic.post_logout_redirect_uri)
			)
		})
	],
	'oidcc-rp-initiated-logout-no-state': [
		() => ({
			what: 'makes up a state',
			noticed: /the state and nothing else/,
			...request('endSession', (parameters) => parameters.set('state', 'made-up'))
		}),
		keepsTheSession()
	],
	'oidcc-rp-initiated-logout-only-state': [keepsTheSession()],
	'fapi2-code-is-bound-to-its-client': [
		() => ({ what: 'takes a code from anybody', noticed: /400 invalid_grant.*200/, ...anyClient() })
	],
	'fapi2-code-is-bound-to-its-redirect-uri': [
		() => ({
			what: 'does not compare the redirect URI',
			noticed: /400 invalid_grant.*200/,
			...request('token', (form, { description: { clients } }) => {
				form.set('redirect_uri', clients.basic.redirect_uri);
			})
		})
	],
	'fapi2-pkce-is-required': [
		() => ({
			what: 'does not insist on a challenge',
			noticed: /and no code/,
			...request('authorization', (parameters) => {
				parameters.set('code_challenge', s256('made up'));
				parameters.set('code_challenge_method', 'S256');
			})
		})
	],
	'fapi2-plain-pkce-is-refused': [
		() => ({
			what: 'accepts plain',
			noticed: /and no code/,
			...request('authorization', (parameters) => parameters.set('code_challenge_method', 'S256'))
		})
	],
	'fapi2-code-verifier-is-required': [
		() => ({ what: 'does not compare the verifier', noticed: /400 invalid_grant/, ...verifierIgnored() })
	],
	'fapi2-duplicate-parameters-are-refused': [
		() => ({
			what: 'takes the first of two',
			noticed: /request with two of/,
			...request('authorization', keepFirst)
		}),
		() => ({
			what: 'takes the first of two in a form',
			noticed: /400 invalid_request/,
			...request('token', keepFirst)
		})
	],
	'fapi2-iss-is-in-every-response': [
		() => ({
			what: 'leaves iss out of errors',
			noticed: /iss \(RFC 9207/,
			...callback((to) => {
				if (to.has('error')) to.delete('iss');
			})
		}),
		() => ({ what: 'gives a code for anything', noticed: /good request with 200/, ...codeForAnything() })
	]
};

export function breakagesOf(module: string): readonly Row[] {
	return rows[moduleNamed(module).name] ?? [];
}

/** Modules that stand in the table. */
export const brokenModules: readonly string[] = Object.keys(rows);

function rejects(name: string): Row {
	return () => ({ what: `refuses ${name}`, noticed: /answered with a code/, ...refuse(name) });
}

function keepsTheSession(): Row {
	return () => ({ what: 'keeps the session', noticed: /answer is login_required/, ...sessionSurvives() });
}

function redirectsAnywhere(): Row {
	return () => ({ what: 'redirects to what it is told', noticed: /redirected nowhere/, ...openRedirector() });
}

/** Forget the browser when it asks to be signed out, whatever the hint. */
function signsOutUnasked(): Row {
	return () => ({
		what: 'signs out without asking',
		noticed: /nobody is signed out unasked/,
		tamper(reply, { url }) {
			if (url.pathname !== '/session/end') return;
			for (const name of ['_session', '_session.sig'])
				reply.headers.append('set-cookie', `${name}=; Path=/; Max-Age=0; Secure`);
		}
	});
}

function scopeLost(scope: string): Pick<Breakage, 'intercept' | 'tamper'> {
	return request('authorization', (parameters) => {
		const kept = (parameters.get('scope') ?? '').split(' ').filter((name) => name !== scope);
		parameters.set('scope', kept.join(' '));
	});
}

function verifierIgnored(): Pick<Breakage, 'intercept' | 'tamper'> {
	const right = 'a-verifier-that-only-the-broken-issuer-knows';
	return {
		intercept(exchange) {
			if (exchange.url.pathname === '/auth') exchange.url.searchParams.set('code_challenge', s256(right));
			if (exchange.url.pathname === '/token') exchange.form.set('code_verifier', right);
		}
	};
}

function keepFirst(parameters: URLSearchParams): void {
	for (const name of new Set(parameters.keys())) parameters.set(name, parameters.get(name) ?? '');
}

function shortenState(to: URLSearchParams): void {
	const state = to.get('state');
	if (state !== null && state.length > 64) to.set('state', state.slice(0, 64));
}
