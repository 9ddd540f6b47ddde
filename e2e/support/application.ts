/** Somebody else's application: a client of Paseport with a page of its own on this machine, where the browser comes back to. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, type Page } from '@playwright/test';
import type { Api } from './api';
import { installation } from './installation';
import { unique } from './people';

const scopes = ['openid', 'profile', 'email', 'roles', 'offline_access'];

/** The tokens that the application got (RFC 6749 §5.1). */
export interface Tokens {
	readonly access_token: string;
	readonly id_token: string;
	readonly scope: string;
	readonly refresh_token?: string;
}

export class Application implements AsyncDisposable {
	readonly id: string;
	readonly name: string;
	/** Where its own pages are. */
	readonly origin: string;
	readonly #close: () => Promise<void>;
	readonly #verifier = randomBytes(32).toString('base64url');
	readonly #state = unique();

	private constructor(id: string, name: string, origin: string, close: () => Promise<void>) {
		this.id = id;
		this.name = name;
		this.origin = origin;
		this.#close = close;
	}

	/**
	 * Register an application and start its site; both end with it. With `host`, its pages are on that host instead of this
	 * machine, and nothing answers there; with `scheme`, it is no site but an app that opens for such addresses.
	 */
	static async start(
		api: Api,
		{ name = 'Weather station', host, scheme }: { name?: string; host?: string; scheme?: string } = {}
	): Promise<Application> {
		const server = createServer((_, response) => {
			response.setHeader('Content-Type', 'text/html; charset=utf-8');
			response.end(
				'<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><title>Application</title></head></html>'
			);
		}).listen(0, '127.0.0.1');
		await once(server, 'listening');
		const { port } = server.address() as AddressInfo;
		const here = scheme === undefined ? `http://127.0.0.1:${port}` : `${scheme}:`;
		const origin = host === undefined ? here : `https://${host}`;
		const id = `app-${unique()}`;
		await api.createClient({
			client_id: id,
			name,
			application_type: host === undefined ? 'native' : 'web',
			auth_method: 'none',
			grants: ['authorization_code', 'refresh_token'],
			scopes,
			redirect_uris: [`${origin}/callback`],
			post_logout_redirect_uris: [`${origin}/goodbye`]
		});
		return new Application(id, name, origin, async () => {
			await api.removeClient(id);
			server.closeAllConnections();
			await once(server.close(), 'close');
		});
	}

	/** The address that its "Sign in" leads to (RFC 6749 §4.1.1, RFC 7636 §4.3). */
	request(changes: Record<string, string> = {}): string {
		const query = new URLSearchParams({
			response_type: 'code',
			client_id: this.id,
			redirect_uri: `${this.origin}/callback`,
			scope: 'openid profile email',
			state: this.#state,
			code_challenge: createHash('sha256').update(this.#verifier).digest('base64url'),
			code_challenge_method: 'S256',
			...changes
		});
		return `${installation().url}/oauth2/authorize?${query}`;
	}

	/** Wait until the browser is back, with an answer to its request and to no other (RFC 9207). */
	async answer(page: Page): Promise<URLSearchParams> {
		await page.waitForURL((url) => url.origin === this.origin && url.pathname === '/callback');
		const answer = new URL(page.url()).searchParams;
		expect(answer.get('state')).toBe(this.#state);
		expect(answer.get('iss')).toBe(installation().url);
		return answer;
	}

	/** Redeem the code of an answer, as its own program does. */
	async redeem(page: Page, answer: URLSearchParams): Promise<Tokens> {
		const response = await page.request.post(`${installation().url}/oauth2/token`, {
			form: {
				grant_type: 'authorization_code',
				client_id: this.id,
				code: answer.get('code') ?? '',
				redirect_uri: `${this.origin}/callback`,
				code_verifier: this.#verifier
			}
		});
		expect(response.status(), await response.text()).toBe(200);
		return (await response.json()) as Tokens;
	}

	/** The address that its "Sign out" leads to (RP-Initiated Logout §2). */
	signOut(parameters: Record<string, string>): string {
		return `${installation().url}/oauth2/logout?${new URLSearchParams(parameters)}`;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#close();
	}
}
