/** The OpenID Provider: the npm package `oidc-provider`, certified, and behind it whatever is to be wrong. */
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { decodeJwt } from 'jose';
import { Provider } from 'oidc-provider';
import { sendWrong } from './behaviour.js';
import { page, signInPage, signOutPage } from './pages.js';
import { Storage } from './storage.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { KoaContextWithOIDC } from 'oidc-provider' */
/** @import { Behaviour, Seen } from './behaviour.js' */
/** @import { Forgery, KeyRing } from './keys.js' */

/**
 * Somebody at the provider. All but the password are claims, with whatever JSON value they have; null: not there.
 * One signs in as `preferred_username` or as `sub`.
 * @typedef {{ sub: string, password: string } & Record<string, unknown>} Account
 */

/**
 * A confidential client, as RFC 7591 writes it.
 * @typedef {object} Client
 * @property {string} client_id
 * @property {string} client_secret
 * @property {string[]} redirect_uris
 * @property {string[]} [post_logout_redirect_uris]
 * @property {string} [backchannel_logout_uri]
 * @property {'client_secret_basic' | 'client_secret_post'} [token_endpoint_auth_method]
 */

const ENDPOINTS = new Map([
	['/.well-known/openid-configuration', 'discovery'],
	['/jwks', 'jwks'],
	['/authorize', 'authorization'],
	['/token', 'token'],
	['/userinfo', 'userinfo'],
	['/logout', 'end_session'],
	['/logout/confirm', 'end_session']
]);
const INTERACTION = '/interaction/';
const OF_EMAIL = ['email', 'email_verified'];
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export class OpenIdProvider {
	/** @type {Map<string, Account>} */
	#accounts = new Map();
	/** @type {Map<string, Client>} */
	#clients = new Map();
	#storage = new Storage();
	#cookieKeys = [randomBytes(32).toString('base64url')];
	#provider;
	#configured;
	#password;

	/**
	 * @param {string} issuer
	 * @param {KeyRing} keys
	 * @param {Behaviour} behaviour
	 * @param {{ accounts: Account[], clients: Client[], password: string }} configured `password` of accounts that are added
	 */
	constructor(issuer, keys, behaviour, configured) {
		this.issuer = issuer;
		this.keys = keys;
		this.behaviour = behaviour;
		this.#configured = structuredClone(configured.accounts);
		this.#password = configured.password;
		for (const client of configured.clients) this.#clients.set(client.client_id, client);
		for (const account of structuredClone(this.#configured)) this.#accounts.set(account.sub, account);
		this.#provider = this.#newProvider();
	}

	/**
	 * @param {IncomingMessage} request
	 * @param {ServerResponse} response
	 */
	serve(request, response) {
		void this.#provider.callback()(request, response);
	}

	/** Back to the accounts that were configured and to one key; nobody is signed in. Clients stay. */
	reset() {
		this.#accounts.clear();
		for (const account of structuredClone(this.#configured)) this.#accounts.set(account.sub, account);
		this.keys.reset();
		this.#storage.clear();
		this.#provider = this.#newProvider();
	}

	/**
	 * Add a client, or change one.
	 * @param {Client} client
	 */
	register(client) {
		this.#clients.set(client.client_id, client);
		this.#provider = this.#newProvider();
	}

	/**
	 * Change what is told of somebody, or add somebody.
	 * @param {string} sub
	 * @param {Record<string, unknown>} members
	 */
	setAccount(sub, members) {
		const account = { password: this.#password, ...this.#accounts.get(sub), ...members, sub };
		this.#accounts.set(sub, account);
		this.#provider = this.#newProvider();
	}

	/** @param {'publish' | 'sign' | 'drop'} step */
	async rotate(step) {
		await this.keys.rotate(step);
		this.#provider = this.#newProvider();
	}

	/**
	 * A logout token, right unless forged (OpenID Connect Back-Channel Logout §2.4). Without `sub` it has none.
	 * @param {{ client_id?: string, sub?: string, sid?: string, forgery: Forgery }} wanted
	 */
	logoutToken({ client_id, sub, sid, forgery }) {
		const client = client_id === undefined ? this.#firstClient() : this.#clients.get(client_id);
		const now = Math.floor(Date.now() / 1000);
		const claims = {
			iss: this.issuer,
			aud: client?.client_id ?? client_id,
			iat: now,
			exp: now + 120,
			jti: randomBytes(16).toString('base64url'),
			events: { [LOGOUT_EVENT]: {} },
			...(sub === undefined ? {} : { sub }),
			...(sid === undefined ? {} : { sid })
		};
		return this.keys.sign(claims, { typ: 'logout+jwt' }, forgery, {
			clientSecret: client?.client_secret ?? ''
		});
	}

	#firstClient() {
		return this.#clients.values().next().value;
	}

	#newProvider() {
		const names = [...this.#accounts.values()].flatMap((account) => Object.keys(account));
		const ofProfile = names.filter((name) => !['sub', 'password', ...OF_EMAIL].includes(name));
		const provider = new Provider(this.issuer, {
			adapter: (model) => this.#storage.of(model),
			clients: [...this.#clients.values()].map(registered),
			jwks: { keys: /** @type {any} */ (this.keys.privateJwks()) },
			cookies: { keys: this.#cookieKeys },
			routes: {
				authorization: '/authorize',
				token: '/token',
				userinfo: '/userinfo',
				jwks: '/jwks',
				end_session: '/logout'
			},
			responseTypes: ['code'],
			scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
			claims: { email: OF_EMAIL, profile: [...new Set(ofProfile)], groups: ['groups'] },
			// Strict, so that a client that forgets the code verifier does not get far (RFC 9700 §2.1.1).
			pkce: { required: () => true },
			enabledJWA: { idTokenSigningAlgValues: ['RS256'] },
			features: {
				devInteractions: { enabled: false },
				dPoP: { enabled: false },
				pushedAuthorizationRequests: { enabled: false },
				backchannelLogout: { enabled: true },
				rpInitiatedLogout: {
					enabled: true,
					logoutSource: (ctx, form) => show(ctx, signOutPage(form)),
					postLogoutSuccessSource: (ctx) => show(ctx, page('Signed out', ''))
				}
			},
			interactions: { url: (_, interaction) => `${INTERACTION}${interaction.uid}` },
			findAccount: (_, sub) => this.#find(sub),
			loadExistingGrant: allowEverything,
			renderError: (ctx, { error, error_description: description = '' }) =>
				show(ctx, page(error, `<p>${description.replace(/[&<>]/g, '')}</p>`)),
			// It refuses loopback by its dispatcher, and there is where our clients listen for logout tokens.
			fetch: (url, options) =>
				fetch(url, { ...options, .../** @type {object} */ ({ dispatcher: undefined }) }),
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
		provider.use((ctx, next) => this.#answer(/** @type {KoaContextWithOIDC} */ (ctx), next));
		provider.on('server_error', (_, error) => console.error(error));
		provider.on('backchannel.error', (_, error) => console.error(error));
		return provider;
	}

	/** @param {string} sub */
	#find(sub) {
		const account = this.#accounts.get(sub);
		if (account === undefined) return undefined;
		const { password: _, ...members } = account;
		const claims = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
		return { accountId: sub, claims: () => ({ ...claims, sub }) };
	}

	/**
	 * @param {KoaContextWithOIDC} ctx
	 * @param {() => Promise<void>} next
	 */
	async #answer(ctx, next) {
		const endpoint = endpointOf(ctx.path);
		const seen = this.behaviour.see({
			endpoint,
			method: ctx.method,
			path: ctx.path,
			query: Object.fromEntries(new URLSearchParams(ctx.querystring)),
			headers: ctx.headers
		});
		if (endpoint === 'interaction') return await this.#interact(ctx, seen);
		await next();
		seen.form = ctx.oidc?.body ?? {};
		seen.status = ctx.status;
		if (endpoint === 'jwks') {
			ctx.body = this.keys.document(this.behaviour);
			seen.status = ctx.status = 200;
		}
		if (endpoint === 'token') this.#forge(ctx, seen);
		const wrong = this.behaviour.take(endpoint, seen);
		if (wrong === undefined) return;
		// Koa's own answer would come too early, or at all.
		ctx.respond = false;
		seen.status = null;
		const answer = { status: ctx.status, type: ctx.response.get('Content-Type'), body: ctx.body };
		await sendWrong(ctx.res, answer, wrong, seen);
	}

	/**
	 * @param {KoaContextWithOIDC} ctx
	 * @param {Seen} seen
	 */
	#forge(ctx, seen) {
		const answer = /** @type {{ id_token?: string, access_token?: string }} */ (ctx.body);
		if (typeof answer?.id_token !== 'string') return;
		const taken = this.behaviour.take('id_token', seen);
		if (taken === undefined && this.behaviour.withKids) return;
		/** @type {Forgery} */
		const forgery = this.behaviour.withKids ? taken : { header: { remove: ['kid'] }, ...taken };
		answer.id_token = this.keys.sign(decodeJwt(answer.id_token), {}, forgery, {
			clientSecret: this.#clients.get(ctx.oidc.client?.clientId ?? '')?.client_secret ?? '',
			accessToken: answer.access_token ?? ''
		});
	}

	/**
	 * The page at which somebody signs in, and its form.
	 * @param {KoaContextWithOIDC} ctx
	 * @param {Seen} seen
	 */
	async #interact(ctx, seen) {
		const interaction = await this.#provider.interactionDetails(ctx.req, ctx.res).catch(() => null);
		if (interaction === null || ctx.path !== `${INTERACTION}${interaction.uid}`) {
			seen.status = ctx.status = 400;
			return show(ctx, page('Not known', '<p>This sign-in is not known in this browser.</p>'));
		}
		if (interaction.prompt.name === 'consent') return await this.#finish(ctx, seen, { consent: {} });
		if (ctx.method !== 'POST') {
			seen.status = ctx.status = 200;
			const { login_hint: hint = '' } = interaction.params;
			return show(ctx, signInPage(ctx.path, String(hint)));
		}
		const form = new URLSearchParams(await text(ctx.req));
		if (form.has('cancel')) {
			const description = 'The user said no.';
			return await this.#finish(ctx, seen, { error: 'access_denied', error_description: description });
		}
		const account = this.#signedIn(form.get('username') ?? '', form.get('password') ?? '');
		if (account !== undefined) return await this.#finish(ctx, seen, { login: { accountId: account.sub } });
		seen.status = ctx.status = 401;
		show(ctx, signInPage(ctx.path, form.get('username') ?? '', 'User name or password is wrong.'));
	}

	/**
	 * @param {KoaContextWithOIDC} ctx
	 * @param {Seen} seen
	 * @param {import('oidc-provider').InteractionResults} result
	 */
	async #finish(ctx, seen, result) {
		seen.status = ctx.status = 303;
		ctx.redirect(await this.#provider.interactionResult(ctx.req, ctx.res, result));
	}

	/**
	 * @param {string} username
	 * @param {string} password
	 */
	#signedIn(username, password) {
		return [...this.#accounts.values()].find((account) => {
			const isNamed = username === account['preferred_username'] || username === account.sub;
			return isNamed && account.password !== '' && password === account.password;
		});
	}
}

/** @param {string} path */
function endpointOf(path) {
	if (path.startsWith(INTERACTION)) return 'interaction';
	// Keys are found below the address too, so that a test can announce one that nobody could have guessed.
	return path.startsWith('/jwks/') ? 'jwks' : (ENDPOINTS.get(path) ?? null);
}

/**
 * @param {Client} client
 * @returns {import('oidc-provider').ClientMetadata}
 */
function registered(client) {
	return {
		...client,
		response_types: ['code'],
		grant_types: ['authorization_code', 'refresh_token'],
		// It is what makes ID tokens carry `sid`.
		...(client.backchannel_logout_uri === undefined ? {} : { backchannel_logout_session_required: true })
	};
}

/**
 * Nobody is asked what a client may know.
 * @param {KoaContextWithOIDC} ctx
 */
async function allowEverything({ oidc: { provider, client, session, params } }) {
	if (session?.accountId === undefined) return undefined;
	const grant = new provider.Grant({ clientId: client?.clientId, accountId: session.accountId });
	grant.addOIDCScope(String(params?.['scope'] ?? ''));
	await grant.save();
	return grant;
}

/**
 * @param {{ body: unknown, type: string }} ctx
 * @param {string} html
 */
function show(ctx, html) {
	ctx.type = 'html';
	ctx.body = html;
}
