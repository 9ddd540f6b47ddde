/**
 * Two public client libraries as relying parties. Nothing is relaxed: https only, the issuer compared, ID tokens checked
 * with their signature.
 */
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import type { Client } from './description';

export interface SignIn {
	/** Where to send the browser. */
	readonly address: string;
	/** Redeem what the browser came back with. */
	finish(callback: URL): Promise<Held>;
}

export interface Held {
	readonly access_token: string;
	readonly refresh_token: string;
	readonly id_token: string;
	readonly subject: string;
}

export interface Introspected {
	readonly active: boolean;
	readonly client_id: string | undefined;
}

export interface RelyingParty {
	begin(parameters: Record<string, string>): Promise<SignIn>;
	/** The subject that userinfo tells; the library refuses another one than `subject`. */
	userinfo(accessToken: string, subject: string): Promise<string>;
	refresh(refreshToken: string): Promise<{ access_token: string; refresh_token: string }>;
	introspect(token: string): Promise<Introspected>;
	revoke(token: string): Promise<void>;
	/** Where to send the browser to sign out, and what `state` to expect back. */
	signOut(idToken: string): { address: string; state: string };
}

export type Library = 'openid-client' | 'oauth4webapi';

export async function relyingParty(library: Library, issuer: string, client: Client): Promise<RelyingParty> {
	return library === 'openid-client'
		? await withOpenidClient(issuer, client)
		: await withOauth4webapi(issuer, client);
}

async function withOpenidClient(issuer: string, client: Client): Promise<RelyingParty> {
	const authentication =
		client.client_secret === undefined ? openid.None() : openid.ClientSecretBasic(client.client_secret);
	const config = await openid.discovery(new URL(issuer), client.client_id, undefined, authentication);
	// By default the library trusts TLS for the origin of ID tokens from the token endpoint.
	openid.enableNonRepudiationChecks(config);
	return {
		async begin(parameters) {
			const pkceCodeVerifier = openid.randomPKCECodeVerifier();
			const expectedState = openid.randomState();
			const expectedNonce = openid.randomNonce();
			const address = openid.buildAuthorizationUrl(config, {
				redirect_uri: client.redirect_uri,
				code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
				code_challenge_method: 'S256',
				state: expectedState,
				nonce: expectedNonce,
				...parameters
			});
			return {
				address: address.href,
				async finish(callback) {
					const tokens = await openid.authorizationCodeGrant(config, callback, {
						pkceCodeVerifier,
						expectedState,
						expectedNonce,
						idTokenExpected: true
					});
					return held(tokens, tokens.claims()?.sub);
				}
			};
		},
		async userinfo(accessToken, subject) {
			return (await openid.fetchUserInfo(config, accessToken, subject)).sub;
		},
		async refresh(refreshToken) {
			const { access_token, refresh_token = refreshToken } = await openid.refreshTokenGrant(
				config,
				refreshToken
			);
			return { access_token, refresh_token };
		},
		async introspect(token) {
			const { active, client_id } = await openid.tokenIntrospection(config, token);
			return { active, client_id };
		},
		revoke: (token) => openid.tokenRevocation(config, token),
		signOut(idToken) {
			const state = openid.randomState();
			const { post_logout_redirect_uri } = client;
			const address = openid.buildEndSessionUrl(config, {
				id_token_hint: idToken,
				post_logout_redirect_uri,
				state
			});
			return { address: address.href, state };
		}
	};
}

async function withOauth4webapi(issuer: string, client: Client): Promise<RelyingParty> {
	const identifier = new URL(issuer);
	const server = await oauth.processDiscoveryResponse(identifier, await oauth.discoveryRequest(identifier));
	const registration: oauth.Client = { client_id: client.client_id };
	const authentication =
		client.client_secret === undefined ? oauth.None() : oauth.ClientSecretBasic(client.client_secret);
	return {
		async begin(parameters) {
			const verifier = oauth.generateRandomCodeVerifier();
			const state = oauth.generateRandomState();
			const expectedNonce = oauth.generateRandomNonce();
			const address = new URL(required(server.authorization_endpoint, 'authorization_endpoint'));
			const query = {
				response_type: 'code',
				client_id: client.client_id,
				redirect_uri: client.redirect_uri,
				code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
				code_challenge_method: 'S256',
				state,
				nonce: expectedNonce,
				...parameters
			};
			for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
			return {
				address: address.href,
				async finish(callback) {
					const response = await oauth.authorizationCodeGrantRequest(
						server,
						registration,
						authentication,
						oauth.validateAuthResponse(server, registration, callback, state),
						client.redirect_uri,
						verifier
					);
					const tokens = await oauth.processAuthorizationCodeResponse(server, registration, response, {
						expectedNonce,
						requireIdToken: true
					});
					await oauth.validateApplicationLevelSignature(server, response);
					return held(tokens, oauth.getValidatedIdTokenClaims(tokens)?.sub);
				}
			};
		},
		async userinfo(accessToken, subject) {
			const response = await oauth.userInfoRequest(server, registration, accessToken);
			return (await oauth.processUserInfoResponse(server, registration, subject, response)).sub;
		},
		async refresh(refreshToken) {
			const response = await oauth.refreshTokenGrantRequest(
				server,
				registration,
				authentication,
				refreshToken
			);
			const { access_token, refresh_token = refreshToken } = await oauth.processRefreshTokenResponse(
				server,
				registration,
				response
			);
			return { access_token, refresh_token };
		},
		async introspect(token) {
			const response = await oauth.introspectionRequest(server, registration, authentication, token);
			const { active, client_id } = await oauth.processIntrospectionResponse(server, registration, response);
			return { active, client_id };
		},
		async revoke(token) {
			const response = await oauth.revocationRequest(server, registration, authentication, token);
			await oauth.processRevocationResponse(response);
		},
		signOut(idToken) {
			const state = oauth.generateRandomState();
			const address = new URL(required(server.end_session_endpoint, 'end_session_endpoint'));
			address.searchParams.set('id_token_hint', idToken);
			address.searchParams.set('post_logout_redirect_uri', client.post_logout_redirect_uri);
			address.searchParams.set('state', state);
			return { address: address.href, state };
		}
	};
}

function held(
	tokens: { access_token: string; refresh_token?: string; id_token?: string },
	subject: string | undefined
): Held {
	return {
		access_token: tokens.access_token,
		refresh_token: required(tokens.refresh_token, 'refresh_token'),
		id_token: required(tokens.id_token, 'id_token'),
		subject: required(subject, 'sub')
	};
}

function required(value: string | undefined, name: string): string {
	if (value === undefined) throw new Error(`the provider gave no ${name}`);
	return value;
}
