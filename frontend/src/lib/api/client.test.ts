import { describe, expect, it } from 'vitest';
import { answer, answerWithHeaders, createClients } from './client';
import { Problem } from './problem';

const origin = 'https://auth.example.org';
const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
	new Response(body === null ? null : JSON.stringify(body), {
		status,
		headers: { 'Content-Type': 'application/json', ...headers }
	});
const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
	json(status, { code, detail: code, status }, { 'Content-Type': 'application/problem+json', ...headers });

/** The app's clients against a server whose answers the test chooses; the network is the platform's. */
class Server {
	readonly seen: { method: string; path: string; headers: Headers; body: string }[] = [];
	readonly ended: string[] = [];
	/** Where the browser went on after a sign-out. */
	way: string | null = null;
	readonly failures: Problem[] = [];
	reachedCount = 0;
	valid = 'v4.public.1';
	refreshes = 0;
	refresh: () => Response | Promise<Response> = () => this.issued();
	route: (path: string, authorized: boolean) => Response = (_, authorized) =>
		authorized ? json(200, { items: [], next: null, total: 0 }) : problem(401, 'invalid_token');

	readonly clients = createClients({
		origin,
		fetch: async (input, init) => {
			const request = new Request(input, init);
			request.signal.throwIfAborted();
			const path = new URL(request.url).pathname + new URL(request.url).search;
			this.seen.push({ method: request.method, path, headers: request.headers, body: await request.text() });
			if (path === '/auth/v1/refresh') {
				this.refreshes += 1;
				return await this.refresh();
			}
			return this.route(path, request.headers.get('Authorization') === `Bearer ${this.valid}`);
		},
		platform: { locks: null, channel: null, now: () => 0 },
		events: {
			ended: (cause, _, way) => {
				this.ended.push(cause);
				this.way = way;
			},
			signedInElsewhere: () => {}
		},
		reachability: { reached: () => (this.reachedCount += 1), failed: (found) => this.failures.push(found) }
	});

	issued(): Response {
		this.valid = `v4.public.${this.refreshes}`;
		return json(200, { access_token: this.valid, token_type: 'Bearer', expires_in: 300, scope: 'openid' });
	}

	list = () => answer(this.clients.issuer.GET('/users/v1'));
	create = () =>
		answer(
			this.clients.issuer.POST('/users/v1', {
				body: { username: 'jo', email: 'jo@example.org', email_verified: false, roles: [] }
			})
		);
	paths = () => this.seen.map(({ method, path }) => `${method} ${path}`);
}

describe('every request', () => {
	it('carries X-CSRF where it changes something, and only there (BF-02, BF-08)', async () => {
		const server = new Server();
		server.route = () => json(200, {});

		await server.list();
		await server.create();
		await answer(server.clients.issuer.DELETE('/users/v1/{user_id}', { params: { path: { user_id: 'x' } } }));

		expect(server.seen.map(({ method, headers }) => [method, headers.get('X-CSRF')])).toEqual([
			['POST', '1'],
			['GET', null],
			['POST', '1'],
			['DELETE', '1']
		]);
	});

	it('never carries the access token to a cookie route', async () => {
		const server = new Server();
		await server.list();

		await server.clients.cookies.POST('/auth/v1/logout');

		expect(server.seen.at(-1)?.headers.get('Authorization')).toBeNull();
	});
});

describe('a call with an access token', () => {
	it('asks for one first where the window has none', async () => {
		const server = new Server();

		await server.list();

		expect(server.paths()).toEqual(['POST /auth/v1/refresh', 'GET /users/v1']);
	});

	it('is repeated once, with its body, after a silent refresh where the token is refused', async () => {
		const server = new Server();
		await server.list();
		server.valid = 'v4.public.revoked-meanwhile';
		server.seen.length = 0;

		await server.create();

		expect(server.paths()).toEqual(['POST /users/v1', 'POST /auth/v1/refresh', 'POST /users/v1']);
		expect(server.seen[2]?.body).toBe(server.seen[0]?.body);
		expect(server.seen[2]?.headers.get('X-CSRF')).toBe('1');
	});

	it('is repeated once only', async () => {
		const server = new Server();
		server.route = () => problem(401, 'invalid_token');

		await expect(server.list()).rejects.toMatchObject({ status: 401, code: 'invalid_token' });

		expect(server.paths()).toEqual([
			'POST /auth/v1/refresh',
			'GET /users/v1',
			'POST /auth/v1/refresh',
			'GET /users/v1'
		]);
	});

	it('many at once share the refresh, at the start and after a refusal', async () => {
		const server = new Server();

		await Promise.all(Array.from({ length: 10 }, server.list));
		expect(server.refreshes).toBe(1);

		server.valid = 'v4.public.revoked-meanwhile';
		await Promise.all(Array.from({ length: 10 }, server.list));
		expect(server.refreshes).toBe(2);
	});

	it.each([
		[401, 'factor_required'],
		[403, 'insufficient_role'],
		[403, 'insufficient_scope'],
		[412, 'precondition_failed'],
		[503, 'unavailable']
	])('refused with %i %s is not repeated', async (status, code) => {
		const server = new Server();
		server.route = () => problem(status, code);

		await expect(server.list()).rejects.toMatchObject({ status, code });

		expect(server.refreshes).toBe(1);
	});
});

describe('a failed refresh', () => {
	it.each([
		[401, 'authentication_required'],
		[400, 'invalid_grant']
	])('with %i %s means nobody is signed in', async (status, code) => {
		const server = new Server();
		server.refresh = () => problem(status, code);

		await expect(server.list()).rejects.toMatchObject({ code: 'signed_out' });

		expect(server.ended).toEqual(['expired']);
		expect(server.failures).toEqual([]);
	});

	it.each([
		[503, 'unavailable'],
		[500, 'internal_error'],
		[429, 'too_many_attempts'],
		[403, 'origin_refused'],
		[400, 'unlisted_host']
	])('with %i %s keeps the session and says so', async (status, code) => {
		const server = new Server();
		server.refresh = () => problem(status, code, { 'Retry-After': '1' });

		await expect(server.list()).rejects.toMatchObject({ status, code });

		expect(server.ended).toEqual([]);
		expect(server.failures.map((found) => found.code)).toEqual([code]);

		server.refresh = () => server.issued();
		await server.list();
		expect(server.reachedCount).toBeGreaterThan(0);
	});

	it('without an answer keeps the session and says so', async () => {
		const server = new Server();
		server.refresh = () => Promise.reject(new TypeError('Failed to fetch'));

		await expect(server.list()).rejects.toMatchObject({ code: 'unreachable' });

		expect(server.ended).toEqual([]);
		expect(server.failures.at(-1)?.code).toBe('unreachable');
	});
});

describe('signing in and out', () => {
	it('a sign-in names its transaction and says where the browser goes on', async () => {
		const server = new Server();
		server.route = () => json(200, { continue: '/oauth2/authorize/continue?transaction=t-1' });

		const way = await server.clients.signIn('t-1', 'jo', 'correct horse battery');

		expect(way).toBe('/oauth2/authorize/continue?transaction=t-1');
		expect(server.paths()).toEqual(['POST /auth/v1/login/local']);
		expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
			transaction: 't-1',
			username: 'jo',
			password: 'correct horse battery'
		});
	});

	it('a sign-in ends the session of before: the next call asks for a token of the new one', async () => {
		const server = new Server();
		await server.list();
		server.route = (path, authorized) =>
			path === '/auth/v1/login/local' ? json(200, { continue: '/x' }) : json(authorized ? 200 : 401, {});

		await server.clients.signIn('t-1', 'jo', 'correct horse battery');
		await server.list();

		expect(server.refreshes).toBe(2);
		expect(server.seen.at(-1)?.headers.get('Authorization')).toBe('Bearer v4.public.2');
	});

	it('tokens are never taken from the answer to a sign-in', async () => {
		const server = new Server();
		server.route = () => server.issued();

		await expect(server.clients.signIn('t-1', 'jo', 'correct horse battery')).rejects.toMatchObject({
			code: 'unreadable'
		});
	});

	it('a refused sign-in is a problem, and no refresh is tried', async () => {
		const server = new Server();
		server.route = () => problem(401, 'invalid_credentials');

		await expect(server.clients.signIn('t-1', 'jo', 'wrong')).rejects.toMatchObject({
			code: 'invalid_credentials'
		});

		expect(server.refreshes).toBe(0);
	});

	it('a sign-out that a client has asked for sends back what it said, and says where the browser goes on', async () => {
		const server = new Server();
		server.route = () => json(200, { continue: '/signed-out' });

		const way = await server.clients.confirmSignOut({ client_id: 'shop', state: 's-1' });

		expect(way).toBe('/signed-out');
		expect(server.paths()).toEqual(['POST /auth/v1/logout/confirm']);
		expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({ client_id: 'shop', state: 's-1' });
		expect(server.ended).toEqual(['signed-out']);
	});

	it.each([
		[false, 'POST /auth/v1/logout'],
		[true, 'POST /auth/v1/logout?all=true']
	])('a sign-out, everywhere: %s, is %s', async (everywhere, request) => {
		const server = new Server();
		server.route = () => new Response(null, { status: 204 });

		await server.clients.signOut(everywhere);

		expect(server.paths()).toEqual([request]);
		expect(server.ended).toEqual(['signed-out']);
		expect(server.way).toBeNull();
	});

	it('a sign-out goes on at the identity provider where the server says so', async () => {
		const server = new Server();
		server.route = () => json(200, { continue: 'https://id.example.org/logout?state=s-1' });

		await server.clients.signOut(false);

		expect(server.ended).toEqual(['signed-out']);
		expect(server.way).toBe('https://id.example.org/logout?state=s-1');
	});

	it('a sign-in names the identity that waits to be linked, where there is one', async () => {
		const server = new Server();
		server.route = () => json(200, { continue: '/x' });

		await server.clients.signIn('t-1', 'jo', 'pass phrase', 'l-1');

		expect(JSON.parse(server.seen[0]?.body ?? '')).toEqual({
			username: 'jo',
			password: 'pass phrase',
			transaction: 't-1',
			link: 'l-1'
		});
	});

	it('a sign-out that the server could not do is a problem, and the session stays', async () => {
		const server = new Server();
		server.route = () => problem(503, 'unavailable', { 'Retry-After': '1' });

		await expect(server.clients.signOut(false)).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 });

		expect(server.ended).toEqual([]);
	});
});

describe('an answer', () => {
	it('comes with its ETag', async () => {
		const server = new Server();
		server.route = () => json(200, { id: 'x' }, { ETag: '"7"' });

		const { headers } = await answerWithHeaders(
			server.clients.issuer.GET('/users/v1/{user_id}', { params: { path: { user_id: 'x' } } })
		);

		expect(headers.get('ETag')).toBe('"7"');
	});

	it('that is not what it says is a problem, not a crash', async () => {
		const server = new Server();
		server.route = () =>
			new Response('<html>', { status: 200, headers: { 'Content-Type': 'application/json' } });

		await expect(server.list()).rejects.toMatchObject({ code: 'unreadable' });
	});

	it('that a page no longer waits for stays an abort', async () => {
		const server = new Server();
		const stop = AbortSignal.abort();

		await expect(answer(server.clients.issuer.GET('/users/v1', { signal: stop }))).rejects.toMatchObject({
			name: 'AbortError'
		});
	});
});
