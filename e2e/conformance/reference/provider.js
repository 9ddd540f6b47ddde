/**
 * The npm package `oidc-provider`, a certified OpenID Provider, set up as the suite needs it. It shows that the suite asks
 * for nothing that a conforming provider does not do.
 */
import { randomBytes } from 'node:crypto';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

/** @import { Client, Description } from '../support/description' */

/**
 * `full` offers all that the plans have modules for. `narrow` leaves out what a plan lets a provider leave out: the
 * scopes `address` and `phone`, the parameters `claims` and `request`.
 * @typedef {'full' | 'narrow'} Profile
 */

export const account = { username: 'ada', password: randomBytes(18).toString('base64url') };

/** @returns {Description['clients']} */
export function newClients() {
	return {
		basic: newClient('basic'),
		post: newClient('post'),
		other: newClient('other'),
		pkce: newClient('pkce'),
		public: newClient('public')
	};
}

/**
 * @param {string} role
 * @returns {Client}
 */
function newClient(role) {
	return {
		client_id: `conformance-${role}`,
		...(role === 'public' ? {} : { client_secret: randomBytes(32).toString('base64url') }),
		redirect_uri: `https://${role}.example.test/callback`,
		post_logout_redirect_uri: `https://${role}.example.test/signed-out`
	};
}

/** A new RS256 key, private, as a JWK. */
export async function newSigningKey() {
	const { privateKey } = await generateKeyPair('RS256', { extractable: true });
	return { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString('hex'), alg: 'RS256', use: 'sig' };
}

/**
 * @param {string} issuer
 * @param {Profile} profile
 * @param {Description['clients']} clients
 * @param {Awaited<ReturnType<typeof newSigningKey>>} key
 */
export function newProvider(issuer, profile, clients, key) {
	const isFull = profile === 'full';
	const needsPkce = new Set([clients.pkce.client_id, clients.public.client_id]);
	return new Provider(issuer, {
		clients: Object.entries(clients).map(([role, client]) => ({
			client_id: client.client_id,
			...(client.client_secret === undefined ? {} : { client_secret: client.client_secret }),
			token_endpoint_auth_method:
				role === 'public' ? 'none' : role === 'post' ? 'client_secret_post' : 'client_secret_basic',
			redirect_uris: [client.redirect_uri],
			post_logout_redirect_uris: [client.post_logout_redirect_uri],
			// Without it auth_time is told only where max_age was asked for.
			require_auth_time: isFull,
			response_types: /** @type {const} */ (['code']),
			grant_types: ['authorization_code', 'refresh_token']
		})),
		jwks: { keys: [key] },
		cookies: {
			keys: [randomBytes(32).toString('base64url')],
			// A POST to the authorization endpoint comes from a foreign page.
			long: { sameSite: 'none', secure: true }
		},
		enableHttpPostMethods: true,
		responseTypes: ['code'],
		pkce: { required: (_, client) => needsPkce.has(client.clientId) },
		// As the plans have it: what a scope gives is told by the userinfo endpoint.
		conformIdTokenClaims: true,
		claims: {
			email: ['email', 'email_verified'],
			profile: ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'],
			...(isFull
				? { address: ['address'], phone: ['phone_number', 'phone_number_verified'], auth_time: null }
				: { auth_time: null })
		},
		...(isFull ? { acrValues: ['0'] } : {}),
		features: {
			dPoP: { enabled: false },
			claimsParameter: { enabled: isFull },
			requestObjects: { enabled: isFull },
			introspection: { enabled: true },
			pushedAuthorizationRequests: { enabled: false },
			revocation: { enabled: true },
			rpInitiatedLogout: {
				enabled: true,
				logoutSource: (ctx, form) => show(ctx, form),
				postLogoutSuccessSource: (ctx) => show(ctx, 'Signed out')
			}
		},
		renderError: (ctx, { error }) => show(ctx, error),
		findAccount: (_, id) => ({
			accountId: id,
			claims: () => ({
				sub: id,
				name: 'Ada Example',
				given_name: 'Ada',
				family_name: 'Example',
				preferred_username: id,
				updated_at: 1_700_000_000,
				email: `${id}@example.test`,
				email_verified: true,
				address: { formatted: '1 Example Street', country: 'GB' },
				phone_number: '+441632960000',
				phone_number_verified: false
			})
		}),
		ttl: {
			AccessToken: 300,
			AuthorizationCode: 60,
			Grant: 3600,
			IdToken: 300,
			Interaction: 600,
			RefreshToken: 3600,
			Session: 3600
		}
	});
}

/**
 * @param {{ body: unknown, type: string }} ctx
 * @param {string} html
 */
function show(ctx, html) {
	ctx.type = 'html';
	ctx.body = `<!doctype html><title>Reference</title>${html}`;
}
