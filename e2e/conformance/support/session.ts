/** What a module works with: a provider, the documents it publishes, and time. */
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { Browser } from './browser';
import { check } from './check';
import type { Account, Client, ClientRole, Description } from './description';
import { providerOf, type Provider } from './provider';

/** What a provider says of itself (OpenID Connect Discovery §3, RFC 8414 §2). */
export interface Metadata {
	readonly issuer: string;
	readonly authorization_endpoint: string;
	readonly token_endpoint: string;
	readonly userinfo_endpoint: string;
	readonly jwks_uri: string;
	readonly end_session_endpoint?: string;
	readonly scopes_supported?: readonly string[];
	readonly acr_values_supported?: readonly string[];
	readonly claims_parameter_supported?: boolean;
	readonly request_parameter_supported?: boolean;
	readonly request_object_signing_alg_values_supported?: readonly string[];
	readonly id_token_signing_alg_values_supported?: readonly string[];
	readonly authorization_response_iss_parameter_supported?: boolean;
}

export class Session {
	readonly description: Description;
	readonly provider: Provider;
	readonly metadata: Metadata;
	readonly #keys: ReturnType<typeof createLocalJWKSet>;

	private constructor(description: Description, metadata: Metadata, keys: JSONWebKeySet) {
		this.description = description;
		this.provider = providerOf(description);
		this.metadata = metadata;
		this.#keys = createLocalJWKSet(keys);
	}

	static async open(description: Description): Promise<Session> {
		const metadata = (await getJson(discoveryOf(description))) as Metadata;
		return new Session(description, metadata, (await getJson(metadata.jwks_uri)) as JSONWebKeySet);
	}

	get issuer(): string {
		return this.description.issuer;
	}

	get account(): Account {
		return this.description.accounts[0];
	}

	/** The keys that the provider published when the module began, for `jose`. */
	get keys(): ReturnType<typeof createLocalJWKSet> {
		return this.#keys;
	}

	client(role: ClientRole): Client {
		return this.description.clients[role];
	}

	newBrowser(): Browser {
		return new Browser(this.issuer);
	}

	offersScope(scope: string): boolean {
		return this.metadata.scopes_supported?.includes(scope) ?? false;
	}
}

export function discoveryOf({ issuer }: Description): string {
	return `${issuer}/.well-known/openid-configuration`;
}

async function getJson(url: string): Promise<unknown> {
	const response = await fetch(url, { redirect: 'error' });
	check(response.status === 200, `${new URL(url).pathname} answers 200.`, response.status);
	return await response.json();
}
