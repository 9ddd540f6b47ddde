/** Rules of the FAPI 2 Security Profile that hold here for every client. The names are ours. */
import { authorize, codeOf, expectError, random, responseOf, type Wish } from '../support/authorization';
import { check } from '../support/check';
import type { Session } from '../support/session';
import { expectTokenError, expectTokens, redeem, requestToken } from '../support/tokens';
import type { Module } from './module';

export const fapi2Modules: readonly Module[] = [
	fapi2('fapi2-code-is-bound-to-its-client', 'A code works for its client alone.', async (session) => {
		const authorization = await authorize(session);
		const code = codeOf(session, authorization);
		expectTokenError(await redeem(session, authorization, code, { as: 'other' }), 400, 'invalid_grant');
	}),
	fapi2(
		'fapi2-code-is-bound-to-its-redirect-uri',
		'A code works with its redirect URI alone.',
		async (session) => {
			const authorization = await authorize(session);
			const changed = { with: { redirect_uri: session.client('other').redirect_uri } };
			expectTokenError(
				await redeem(session, authorization, codeOf(session, authorization), changed),
				400,
				'invalid_grant'
			);
		}
	),
	fapi2('fapi2-pkce-is-required', 'Without a code challenge there is no code.', async (session) => {
		for (const client of ['pkce', 'public'] as const) {
			const without = { code_challenge: undefined, code_challenge_method: undefined };
			expectError(session, await authorize(session, { client, with: without }), 'invalid_request');
		}
	}),
	fapi2('fapi2-plain-pkce-is-refused', 'The only challenge is S256.', async (session) => {
		for (const code_challenge_method of ['plain', undefined]) {
			const plain = { code_challenge: random(), code_challenge_method };
			expectError(session, await authorize(session, { client: 'pkce', with: plain }), 'invalid_request');
		}
	}),
	fapi2('fapi2-code-verifier-is-required', 'A code needs the verifier of its challenge.', async (session) => {
		for (const code_verifier of [undefined, random()]) {
			const authorization = await authorize(session, { client: 'pkce' });
			const code = codeOf(session, authorization);
			const answer = await redeem(session, authorization, code, { with: { code_verifier } });
			expectTokenError(
				answer,
				400,
				'invalid_grant',
				...(code_verifier === undefined ? ['invalid_request'] : [])
			);
		}
	}),
	fapi2('fapi2-duplicate-parameters-are-refused', 'No parameter may be there twice.', async (session) => {
		for (const [name, value] of [
			['scope', 'openid'],
			['nonce', 'another'],
			['code_challenge', random()]
		] as const) {
			const twice = { client: 'pkce', append: new URLSearchParams({ [name]: value }) } as const;
			const { response } = await authorize(session, twice);
			check(
				!response?.has('code') && (response?.get('error') ?? 'invalid_request') === 'invalid_request',
				`A request with two of ${name} is refused as invalid_request (RFC 6749 §3.1).`,
				response?.toString()
			);
		}
		const authorization = await authorize(session, { client: 'pkce' });
		const form = new URLSearchParams({
			grant_type: 'authorization_code',
			code: codeOf(session, authorization),
			redirect_uri: authorization.client.redirect_uri,
			code_verifier: authorization.verifier ?? ''
		});
		form.append('redirect_uri', authorization.client.redirect_uri);
		expectTokenError(await requestToken(session, 'pkce', form), 400, 'invalid_request');
	}),
	fapi2('fapi2-iss-is-in-every-response', 'Every answer names the issuer, errors too.', async (session) => {
		check(
			session.metadata.authorization_response_iss_parameter_supported === true,
			'The metadata say that answers have iss (RFC 9207 §3).'
		);
		const authorization = await authorize(session, { client: 'pkce' });
		const code = codeOf(session, authorization);
		await expectTokens(session, await redeem(session, authorization, code), authorization);
		const errors: [string, Wish['with']][] = [
			['login_required', { prompt: 'none' }],
			['unsupported_response_type', { response_type: 'unknown' }],
			['invalid_request', { prompt: 'none login' }]
		];
		for (const [error, parameters] of errors) {
			const response = responseOf(
				session,
				await authorize(session, { client: 'pkce', with: parameters ?? {} })
			);
			check(
				response.get('error') === error,
				`The answer is ${error} (OIDC Core §3.1.2.6).`,
				response.toString()
			);
		}
	})
];

function fapi2(name: string, promise: string, run: (session: Session) => Promise<void>): Module {
	return { name, plan: 'FAPI 2', promise, run };
}
