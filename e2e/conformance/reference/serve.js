/**
 * Serve the reference provider over https on loopback and describe it in a file:
 * `node conformance/reference/serve.js <folder> [full|narrow]`. The suite starts it by itself; this is for looking at it.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { account, newClients, newProvider, newSigningKey } from './provider.js';

/**
 * Longer than a module waits: a server that closes an idle connection may do so while a request is on its way there,
 * which `fetch` reports as a failure.
 */
export const keptAliveMs = 120_000;
const python = fileURLToPath(new URL('../../../.venv/bin/python', import.meta.url));

/**
 * Make an authority and a certificate for `localhost` in `folder`: `ca.pem`, `localhost.pem`, `localhost.key`.
 * @param {string} folder
 */
export async function makeCertificates(folder) {
	await mkdir(folder, { recursive: true });
	const program =
		'import pathlib, sys; from paseport_testkit.harness.certificates import Certificates; Certificates(pathlib.Path(sys.argv[1]))';
	await promisify(execFile)(python, ['-c', program, folder]);
}

/**
 * An https server with the certificate that stands in `folder`, on a free port of this machine.
 * @param {string} folder
 */
export async function listen(folder) {
	const [cert, key] = await Promise.all([
		readFile(join(folder, 'localhost.pem')),
		readFile(join(folder, 'localhost.key'))
	]);
	const server = createServer({ cert, key }).listen(0, '127.0.0.1');
	server.keepAliveTimeout = keptAliveMs;
	await once(server, 'listening');
	const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
	return { server, origin: `https://localhost:${port}` };
}

/**
 * Start the provider; the certificates are in `folder`, and so will be its description.
 * @param {string} folder
 * @param {import('./provider.js').Profile} profile
 */
export async function serve(folder, profile) {
	const { server, origin } = await listen(folder);
	const clients = newClients();
	server.on('request', newProvider(origin, profile, clients, await newSigningKey()).callback());
	const path = join(folder, `${profile}.json`);
	const description = {
		provider: 'oidc-provider',
		issuer: origin,
		ca: join(folder, 'ca.pem'),
		clients,
		accounts: [account]
	};
	await writeFile(path, JSON.stringify(description, null, '\t'), { mode: 0o600 });
	return { server, path };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const [folder, profile = 'full'] = process.argv.slice(2);
	if (!folder || (profile !== 'full' && profile !== 'narrow')) {
		console.error('usage: node conformance/reference/serve.js <folder> [full|narrow]');
		process.exit(2);
	}
	await makeCertificates(resolve(folder));
	const { path } = await serve(resolve(folder), profile);
	console.log(`${path} describes the provider. Ctrl-C ends it.`);
}
