/** Which OpenID Provider the suite drives: a JSON file that whoever started the provider wrote. */
import { readFile } from 'node:fs/promises';

/** What the suite uses a client for. */
export type ClientRole =
	/** Confidential, `client_secret_basic`, PKCE not required: the clients of OpenID's plans send none. */
	| 'basic'
	/** The same with `client_secret_post`. */
	| 'post'
	/** A second client of the kind of `basic`. */
	| 'other'
	/** Confidential, and PKCE is required. */
	| 'pkce'
	/** Without a secret, and PKCE is required. */
	| 'public';

export interface Client {
	readonly client_id: string;
	/** Absent where the client is public. */
	readonly client_secret?: string;
	readonly redirect_uri: string;
	readonly post_logout_redirect_uri: string;
}

export interface Account {
	readonly username: string;
	readonly password: string;
}

export interface Description {
	/** Which adapter fills the provider's pages (`support/provider.ts`). */
	readonly provider: 'oidc-provider' | 'paseport';
	readonly issuer: string;
	/** The authority that signed the issuer's certificate, as a PEM file for NODE_EXTRA_CA_CERTS. */
	readonly ca: string;
	readonly clients: Readonly<Record<ClientRole, Client>>;
	readonly accounts: readonly [Account, ...Account[]];
	/** True where a client that needs no PKCE has to send a nonce in its place (RFC 9700 §2.1.1). */
	readonly requires_nonce_without_pkce?: boolean;
	/** The `resource` whose access tokens the client `pkce` may introspect, where its default ones are not. */
	readonly introspected_resource?: string;
}

export async function readDescription(path: string): Promise<Description> {
	return JSON.parse(await readFile(path, 'utf8')) as Description;
}
