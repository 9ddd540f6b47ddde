/**
 * Before the first test: the reference provider, in both its profiles, on free ports. Where PASEPORT_CONFORMANCE names the
 * description of a running provider, that one is driven and left running.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDescription } from '../support/description';
import { makeCertificates, serve } from './serve';

export default async function start(): Promise<() => Promise<void>> {
	const named = process.env['PASEPORT_CONFORMANCE'];
	if (named) {
		trust((await readDescription(named)).ca);
		return async () => {};
	}
	const folder = await mkdtemp(join(tmpdir(), 'paseport-conformance-'));
	await makeCertificates(folder);
	const [full, narrow] = await Promise.all([serve(folder, 'full'), serve(folder, 'narrow')]);
	process.env['PASEPORT_CONFORMANCE_REFERENCE'] = full.path;
	process.env['PASEPORT_CONFORMANCE_NARROW'] = narrow.path;
	process.env['PASEPORT_CONFORMANCE_CERTIFICATES'] = folder;
	trust(join(folder, 'ca.pem'));
	return async () => {
		for (const { server } of [full, narrow]) {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		}
		await rm(folder, { recursive: true });
	};
}

/** The processes that run the tests start after this, and read the variable when they do. */
function trust(ca: string): void {
	process.env['NODE_EXTRA_CA_CERTS'] = ca;
}
