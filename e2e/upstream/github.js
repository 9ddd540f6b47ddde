/**
 * An OAuth 2.0 server without ID tokens, in the shape of GitHub's: answers as forms unless JSON is asked for, errors with
 * status 200, numeric ids, e-mail addresses at an endpoint of their own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { sendWrong } from './behaviour.js';
import { chooseAccountPage, page } from './pages.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Behaviour, Seen } from './behaviour.js' */
/** @import { Client } from './oidc.js' */

/**
 * @typedef {object} Email
 * @property {string} email
 * @property {boolean} primary
 * @property {boolean} verified
 * @property {string | null} visibility
 */

/**
 * Somebody there. `email` is what the public profile shows, and mostly null.
 * @typedef {{ id: number, login: string, name: string | null, email: string | null, emails: Email[] }} Member
 */

/**
 * @typedef {object} Code
 * @property {string} clientId
 * @property {string} redirectUri
 * @property {string} challenge
 * @property {number} memberId
 * @property {string[]} scopes
 */

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} type
 * @property {unknown} body
 * @property {Record<string, string>} [headers]
 */

const AUTHORIZE = '/login/oauth/authorize';
const ENDPOINTS = new Map([
	[AUTHORIZE, 'github_authorization'],
	['/login/oauth/access_token', 'github_token'],
	['/user', 'github_user'],
	['/user/emails', 'github_emails']
]);

export class GitHubLike {
	/** @type {Map<number, Member>} */
	#members = new Map();
	/** @type {Map<string, Client>} */
	#clients = new Map();
	/** @type {Map<string, Code>} */
	#codes = new Map();
	/** @type {Map<string, { memberId: number, scopes: string[] }>} */
	#tokens = new Map();
	#configured;

	/**
	 * @param {Behaviour} behaviour
	 * @param {{ members: Member[], clients: Client[] }} configured
	 */
	constructor(behaviour, configured) {
		this.behaviour = behaviour;
		this.#configured = structuredClone(configured.members);
		for (const client of configured.clients) this.#clients.set(client.client_id, client);
		this.reset();
	}

	/** Back to the members that were configured; no code and no token is good any more. Clients stay. */
	reset() {
		this.#members.clear();
		for (const member of structuredClone(this.#configured)) this.#members.set(member.id, member);
		this.#codes.clear();
		this.#tokens.clear();
	}

	/** @param {Client} client */
	register(client) {
		this.#clients.set(client.client_id, client);
	}

	/**
	 * Change what is told of somebody, or add somebody.
	 * @param {number} id
	 * @param {Partial<Member>} changes
	 */
	setMember(id, changes) {
		const unknown = { login: `member-${id}`, name: null, email: null, emails: [] };
		this.#members.set(id, { ...unknown, ...this.#members.get(id), ...changes, id });
	}

	/**
	 * @param {IncomingMessage} request
	 * @param {ServerResponse} response
	 */
	serve(request, response) {
		// Clients break off in the middle of a request, or send what nobody can read: others still want an answer.
		this.#serve(request, response).catch((thrown) => {
			console.error(thrown);
			response.destroy();
		});
	}

	/**
	 * @param {IncomingMessage} request
	 * @param {ServerResponse} response
	 */
	async #serve(request, response) {
		const url = new URL(request.url ?? '/', 'https://localhost');
		const endpoint = ENDPOINTS.get(url.pathname) ?? null;
		const seen = this.behaviour.see({
			endpoint,
			method: request.method ?? 'GET',
			path: url.pathname,
			query: Object.fromEntries(url.searchParams),
			headers: request.headers
		});
		const form = new URLSearchParams(await text(request));
		seen.form = Object.fromEntries(form);
		const answer = this.#answer(seen, url.searchParams, form);
		const wrong = this.behaviour.take(endpoint, seen);
		if (wrong !== undefined) return await sendWrong(response, answer, wrong, seen);
		seen.status = answer.status;
		response.writeHead(answer.status, { 'Content-Type': answer.type, ...answer.headers });
		response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
	}

	/**
	 * @param {Seen} seen
	 * @param {URLSearchParams} query
	 * @param {URLSearchParams} form
	 * @returns {Answer}
	 */
	#answer({ endpoint, method, headers }, query, form) {
		if (endpoint === 'github_authorization') {
			return method === 'POST' ? this.#authorize(form) : this.#ask(query);
		}
		if (endpoint === 'github_token' && method === 'POST') {
			const answer = this.#redeem(form, headers.authorization ?? '');
			if (headers.accept?.includes('json')) return json(answer);
			const type = 'application/x-www-form-urlencoded; charset=utf-8';
			return { status: 200, type, body: new URLSearchParams(answer).toString() };
		}
		if (endpoint === 'github_user') return this.#user(headers, (member) => profileOf(member));
		if (endpoint === 'github_emails') {
			return this.#user(headers, (member, scopes) => (scopes.includes('user:email') ? member.emails : null));
		}
		return html(404, page('Not found', ''));
	}

	/**
	 * @param {URLSearchParams} asked
	 * @returns {Answer}
	 */
	#ask(asked) {
		const client = this.#clients.get(asked.get('client_id') ?? '');
		if (client === undefined) return html(404, page('Not found', ''));
		const redirectUri = asked.get('redirect_uri') ?? client.redirect_uris[0] ?? '';
		if (!client.redirect_uris.includes(redirectUri)) {
			// So it does: the registered address learns of it.
			return back(client.redirect_uris[0] ?? '', asked, { error: 'redirect_uri_mismatch' });
		}
		const logins = [...this.#members.values()].map((member) => member.login);
		return html(200, chooseAccountPage(AUTHORIZE, Object.fromEntries(asked), logins));
	}

	/**
	 * @param {URLSearchParams} form
	 * @returns {Answer}
	 */
	#authorize(form) {
		const client = this.#clients.get(form.get('client_id') ?? '');
		const redirectUri = form.get('redirect_uri') ?? client?.redirect_uris[0] ?? '';
		if (client === undefined || !client.redirect_uris.includes(redirectUri)) {
			return html(404, page('Not found', ''));
		}
		if (form.has('cancel')) {
			const description = 'The user has denied your application access.';
			return back(redirectUri, form, { error: 'access_denied', error_description: description });
		}
		const member = [...this.#members.values()].find(({ login }) => login === form.get('login'));
		if (member === undefined) return html(404, page('Not found', ''));
		const code = randomBytes(10).toString('hex');
		this.#codes.set(code, {
			clientId: client.client_id,
			redirectUri,
			challenge: form.get('code_challenge_method') === 'S256' ? (form.get('code_challenge') ?? '') : '',
			memberId: member.id,
			scopes: (form.get('scope') ?? '').split(/[ ,]+/).filter((scope) => scope !== '')
		});
		return back(redirectUri, form, { code });
	}

	/**
	 * @param {URLSearchParams} form
	 * @param {string} authorization
	 * @returns {Record<string, string>}
	 */
	#redeem(form, authorization) {
		const [id, secret] = credentials(form, authorization);
		const client = this.#clients.get(id);
		if (client === undefined || client.client_secret !== secret) {
			return failure(
				'incorrect_client_credentials',
				'The client_id and/or client_secret passed are incorrect.'
			);
		}
		const value = form.get('code') ?? '';
		const code = this.#codes.get(value);
		this.#codes.delete(value);
		if (
			code === undefined ||
			code.clientId !== id ||
			!isVerified(code.challenge, form.get('code_verifier'))
		) {
			return failure('bad_verification_code', 'The code passed is incorrect or expired.');
		}
		if (form.has('redirect_uri') && form.get('redirect_uri') !== code.redirectUri) {
			return failure('redirect_uri_mismatch', 'The redirect_uri MUST match the registered callback URL.');
		}
		const token = `gho_${randomBytes(18).toString('hex')}`;
		this.#tokens.set(token, { memberId: code.memberId, scopes: code.scopes });
		return { access_token: token, token_type: 'bearer', scope: code.scopes.join(',') };
	}

	/**
	 * @param {IncomingMessage['headers']} headers
	 * @param {(member: Member, scopes: string[]) => unknown} told null: there is no such thing for this token
	 * @returns {Answer}
	 */
	#user(headers, told) {
		if (!headers['user-agent']) {
			return { status: 403, type: 'text/html', body: 'Request forbidden by administrative rules.' };
		}
		const token = /^(?:bearer|token) (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
		const held = this.#tokens.get(token);
		const member = held && this.#members.get(held.memberId);
		if (held === undefined || member === undefined) return json({ message: 'Bad credentials' }, 401);
		const body = told(member, held.scopes);
		return body === null ? json({ message: 'Not Found' }, 404) : json(body);
	}
}

/** @param {Member} member */
function profileOf({ id, login, name, email }) {
	return { login, id, node_id: Buffer.from(`04:User${id}`).toString('base64'), type: 'User', name, email };
}

/**
 * @param {URLSearchParams} form
 * @param {string} authorization
 * @returns {[string, string]}
 */
function credentials(form, authorization) {
	if (!/^basic /i.test(authorization)) return [form.get('client_id') ?? '', form.get('client_secret') ?? ''];
	const [id = '', ...secret] = Buffer.from(authorization.slice(6), 'base64').toString().split(':');
	// RFC 6749 §2.3.1.
	return [decodeURIComponent(id), decodeURIComponent(secret.join(':'))];
}

/**
 * @param {string} challenge empty where none was sent
 * @param {string | null} verifier
 */
function isVerified(challenge, verifier) {
	return (
		challenge === '' ||
		createHash('sha256')
			.update(verifier ?? '')
			.digest('base64url') === challenge
	);
}

/**
 * @param {string} error
 * @param {string} description
 */
function failure(error, description) {
	return { error, error_description: description, error_uri: `https://docs.example.test/${error}` };
}

/**
 * @param {string} redirectUri
 * @param {URLSearchParams} asked
 * @param {Record<string, string>} parameters
 * @returns {Answer}
 */
function back(redirectUri, asked, parameters) {
	const url = new URL(redirectUri);
	for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
	const state = asked.get('state');
	if (state !== null) url.searchParams.set('state', state);
	return { status: 302, type: 'text/html', body: '', headers: { Location: url.href } };
}

/**
 * @param {unknown} body
 * @param {number} [status]
 * @returns {Answer}
 */
function json(body, status = 200) {
	return { status, type: 'application/json; charset=utf-8', body };
}

/**
 * @param {number} status
 * @param {string} body
 * @returns {Answer}
 */
function html(status, body) {
	return { status, type: 'text/html; charset=utf-8', body };
}
