/** What one thing done wrong looks like. */
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import type { Profile } from '../reference/provider';
import type { Description } from '../support/description';

/** A request on its way to the issuer; a breakage may change it. */
export interface Exchange {
	method: string;
	readonly url: URL;
	readonly form: URLSearchParams;
	readonly headers: Headers;
	readonly description: Description;
	/** An ID token with other claims, signed as the issuer signs. */
	resign(
		idToken: string,
		change: (claims: JWTPayload, header: JWTHeaderParameters) => unknown
	): Promise<string>;
}

export interface Reply {
	status: number;
	headers: Headers;
	body: string;
}

export interface Breakage {
	/** How much the issuer offers; `full` where nothing else is said. */
	readonly profile?: Profile;
	/** What the issuer does wrong, after "an issuer that". */
	readonly what: string;
	/** What the module must say: it has to fail for this, and for nothing else. */
	readonly noticed: RegExp;
	/** Before the issuer: change the request, or answer in the issuer's place. */
	intercept?(exchange: Exchange): Promise<Reply | void> | Reply | void;
	/** After the issuer: change the answer. */
	tamper?(reply: Reply, exchange: Exchange): Promise<void> | void;
}
