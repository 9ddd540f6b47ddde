/**
 * Before the first test: the reference provider, in both its profiles, on free ports. Where PASEPORT_CONFORMANCE names the
 * description of a running provider, that one is driven and left running.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FullConfig } from '@playwright/test';
import { watchTheMachine } from '../../support/standstill';
import { readDescription } from '../support/description';
import type { Profile } from './provider';
import { makeCertificates, serve } from './serve';

const variables: Readonly<Record<Profile, string>> = {
	full: 'PASEPORT_CONFORMANCE_REFERENCE',
	narrow: 'PASEPORT_CONFORMANCE_NARROW'
};

export default async function start({ projects }: FullConfig): Promise<() => Promise<void>> {
	const watchNoMore = await watchTheMachine(join(projects[0]!.outputDir, 'machine'));
	const stop = await startReference();
	return async () => {
		await stop();
		watchNoMore();
	};
}

async function startReference(): Promise<() => Promise<void>> {
	const named = process.env['PASEPORT_CONFORMANCE'];
	if (named) {
		trust((await readDescription(named)).ca);
		return async () => {};
	}
	const folder = await mkdtemp(join(tmpdir(), 'paseport-conformance-'));
	const servers: Server[] = [];

	async function stop(): Promise<void> {
		for (const server of servers) {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		}
		await rm(folder, { recursive: true });
	}

	try {
		await makeCertificates(folder);
		for (const [profile, variable] of Object.entries(variables)) {
			const { server, path } = await serve(folder, profile as Profile);
			servers.push(server);
			process.env[variable] = path;
		}
	} catch (thrown) {
		await stop();
		throw thrown;
	}
	process.env['PASEPORT_CONFORMANCE_CERTIFICATES'] = folder;
	trust(join(folder, 'ca.pem'));
	return stop;
}

/** The processes that run the tests start after this, and read the variable when they do. */
function trust(ca: string): void {
	process.env['NODE_EXTRA_CA_CERTS'] = ca;
}
