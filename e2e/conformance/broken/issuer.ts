/**
 * The reference provider behind a proxy that does one thing wrong. It shows that a module notices: what cannot fail proves
 * nothing.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
	importJWK,
	SignJWT,
	decodeJwt,
	decodeProtectedHeader,
	type JWTPayload,
	type JWTHeaderParameters
} from 'jose';
import { account, newClients, newProvider, newSigningKey, type Profile } from '../reference/provider';
import { keptAliveMs, listen } from '../reference/serve';
import type { Description } from '../support/description';
import type { Breakage, Exchange, Reply } from './breakage';

type Key = Awaited<ReturnType<typeof newSigningKey>>;

export class BrokenIssuer {
	readonly description: Description;
	readonly #outside: Server;
	readonly #inside: ReturnType<typeof createServer>;
	readonly #key: Key;
	#breakage: Breakage | null = null;

	private constructor(
		outside: Server,
		inside: ReturnType<typeof createServer>,
		key: Key,
		description: Description
	) {
		this.#outside = outside;
		this.#inside = inside;
		this.#key = key;
		this.description = description;
		outside.on('request', (request: IncomingMessage, response: ServerResponse) => {
			void this.#serve(request, response);
		});
	}

	/** Start it; `folder` has the certificates. */
	static async start(folder: string, profile: Profile): Promise<BrokenIssuer> {
		const { server: outside, origin } = await listen(folder);
		const clients = newClients();
		const key = await newSigningKey();
		const provider = newProvider(origin, profile, clients, key);
		provider.proxy = true;
		const inside = createServer(provider.callback()).listen(0, '127.0.0.1');
		inside.keepAliveTimeout = keptAliveMs;
		await once(inside, 'listening');
		return new BrokenIssuer(outside, inside, key, {
			provider: 'oidc-provider',
			issuer: origin,
			ca: `${folder}/ca.pem`,
			clients,
			accounts: [account]
		});
	}

	/** Do wrong from now on; null: do right. */
	use(breakage: Breakage | null): void {
		this.#breakage = breakage;
	}

	async stop(): Promise<void> {
		for (const server of [this.#outside, this.#inside]) {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		}
	}

	async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const chunks: Buffer[] = [];
		for await (const chunk of request) chunks.push(chunk as Buffer);
		const exchange: Exchange = {
			method: request.method ?? 'GET',
			url: new URL(request.url ?? '/', this.description.issuer),
			form: new URLSearchParams(Buffer.concat(chunks).toString()),
			headers: new Headers(
				Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)])
			),
			description: this.description,
			resign: (idToken, change) => this.#resign(idToken, change)
		};
		const reply = (await this.#breakage?.intercept?.(exchange)) ?? (await this.#forward(exchange));
		await this.#breakage?.tamper?.(reply, exchange);
		const headers = [...reply.headers].filter(
			([name]) => !/^(?:connection|content-length|keep-alive|transfer-encoding)$/.test(name)
		);
		response.writeHead(reply.status, headers.flat());
		response.end(reply.body);
	}

	async #forward({ method, url, form, headers }: Exchange): Promise<Reply> {
		const { port } = this.#inside.address() as AddressInfo;
		const inside = new URL(`${url.pathname}${url.search}`, `http://127.0.0.1:${port}`);
		const sent = new Headers(headers);
		for (const name of ['connection', 'content-length', 'host', 'transfer-encoding']) sent.delete(name);
		sent.set('X-Forwarded-Proto', 'https');
		sent.set('X-Forwarded-Host', url.host);
		const response = await fetch(inside, {
			method,
			headers: sent,
			...(form.size === 0 ? {} : { body: form.toString() }),
			redirect: 'manual'
		});
		return { status: response.status, headers: new Headers(response.headers), body: await response.text() };
	}

	/** An ID token with other claims, signed as the issuer signs. */
	async #resign(
		idToken: string,
		change: (claims: JWTPayload, header: JWTHeaderParameters) => unknown
	): Promise<string> {
		const claims = decodeJwt(idToken);
		const header = decodeProtectedHeader(idToken) as JWTHeaderParameters;
		change(claims, header);
		return await new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(this.#key, 'RS256'));
	}
}
