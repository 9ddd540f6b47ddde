/** Somebody else's web site, to attack from: the same page under `localhost` (another origin of the same site) and `127.0.0.1` (another site). */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ForeignSite extends AsyncDisposable {
	readonly sameSite: string;
	readonly crossSite: string;
}

export async function foreignSite(): Promise<ForeignSite> {
	const server = createServer((_, response) => {
		response.setHeader('Content-Type', 'text/html; charset=utf-8');
		response.end(
			'<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><title>Elsewhere</title></head></html>'
		);
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	return {
		sameSite: `http://localhost:${port}`,
		crossSite: `http://127.0.0.1:${port}`,
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			await once(server.close(), 'close');
		}
	};
}
