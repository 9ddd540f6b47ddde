/** The identity providers of the journeys: `upstream/serve.js`, which belongs to nobody else, at addresses of this machine. */
import { randomBytes } from 'node:crypto';
import { expect, type Page } from '@playwright/test';
import { newPassword, unique } from './people';

/** Where they are, without a slash at the end. */
export interface UpstreamAddresses {
	/** Of the OpenID Provider. */
	readonly issuer: string;
	/** The server in the shape of GitHub's. */
	readonly github: string;
	/** Where tests say what shall be. */
	readonly control: string;
}

/** Somebody at the OpenID Provider. */
export interface Account {
	readonly sub: string;
	/** What one signs in with. */
	readonly username: string;
	readonly email: string;
	readonly password: string;
}

export interface UpstreamClient {
	readonly id: string;
	readonly secret: string;
}

export const variable = 'PASEPORT_E2E_UPSTREAM';

/** Hand the addresses to the processes that run the journeys: they inherit the environment. */
export function nameUpstream(addresses: UpstreamAddresses, env = process.env): void {
	env[variable] = JSON.stringify(addresses);
}

export class Upstream {
	readonly issuer: string;
	readonly github: string;
	readonly #control: string;

	/** Throws where nothing has named them: `support/start-paseport.ts`, or whoever runs the installation. */
	constructor(env = process.env) {
		const { [variable]: named } = env;
		if (!named) throw new Error(`${variable} names no identity provider.`);
		const { issuer, github, control } = JSON.parse(named) as UpstreamAddresses;
		this.issuer = issuer;
		this.github = github;
		this.#control = control;
	}

	/** Register Paseport there. */
	async registerClient(redirectUri: string, changes: Record<string, unknown> = {}): Promise<UpstreamClient> {
		const client = { id: `client-${unique()}`, secret: randomBytes(24).toString('base64url') };
		await this.#call('POST', 'clients', {
			client_id: client.id,
			client_secret: client.secret,
			redirect_uris: [redirectUri],
			token_endpoint_auth_method: 'client_secret_basic',
			...changes
		});
		return client;
	}

	/** Make somebody there. `email` is an address of their own unless it is given; `verified` is what the provider says of it. */
	async createAccount({
		email,
		verified = true,
		name = 'Somebody Else'
	}: { email?: string; verified?: boolean; name?: string } = {}): Promise<Account> {
		const username = `elsewhere-${unique()}`;
		const account = {
			sub: `sub-${username}`,
			username,
			email: email ?? `${username}@example.test`,
			password: newPassword()
		};
		await this.#call('PUT', `accounts/${account.sub}`, {
			preferred_username: username,
			name,
			email: account.email,
			email_verified: verified,
			password: account.password
		});
		return account;
	}

	async #call(method: string, path: string, body: object): Promise<void> {
		const response = await fetch(`${this.#control}/__control/${path}`, {
			method,
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify(body)
		});
		if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
	}
}

/** Sign in on the page of the OpenID Provider. */
export async function signInUpstream(page: Page, account: Account): Promise<void> {
	await atUpstream(page);
	await page.getByLabel('User name').fill(account.username);
	await page.getByLabel('Password').fill(account.password);
	await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Say no on the page of the OpenID Provider. */
export async function cancelUpstream(page: Page): Promise<void> {
	await atUpstream(page);
	await page.getByRole('button', { name: 'Cancel' }).click();
}

export async function atUpstream(page: Page): Promise<void> {
	await expect(page.getByRole('heading', { level: 1, name: 'Upstream provider' })).toBeVisible();
}
