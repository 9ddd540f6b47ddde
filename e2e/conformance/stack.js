/**
 * Run the suite against Paseport's production topology: start it with the clients that the suite needs, describe it, run,
 * end it. `node conformance/stack.js [arguments of playwright test …]`
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newClients } from './reference/provider.js';

const python = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const playwright = fileURLToPath(new URL('../node_modules/.bin/playwright', import.meta.url));
const config = fileURLToPath(new URL('playwright.config.ts', import.meta.url));
const startTimeoutMs = 180_000;

const folder = await mkdtemp(join(tmpdir(), 'paseport-conformance-stack-'));
const clients = newClients();
const stack = await start();
// Ctrl-C reaches everything that runs here; what is left to do then stands in `finally`.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => stack.kill('SIGTERM'));
try {
	const described = await describe();
	const description = {
		provider: 'paseport',
		issuer: described.url,
		ca: described.ca,
		clients,
		accounts: [described.accounts.user ?? Object.values(described.accounts)[0]],
		requires_nonce_without_pkce: true
	};
	const path = join(folder, 'description.json');
	await writeFile(path, JSON.stringify(description), { mode: 0o600 });
	const suite = spawn(playwright, ['test', '--config', config, ...process.argv.slice(2)], {
		env: { ...process.env, PASEPORT_CONFORMANCE: path },
		stdio: 'inherit'
	});
	const [code] = await once(suite, 'exit');
	process.exitCode = code ?? 1;
	if (process.exitCode !== 0) console.error(await endOf(join(described.logs, 'issuer-0.log')));
} finally {
	await stop();
}

async function start() {
	const file = join(folder, 'clients.json');
	await writeFile(file, JSON.stringify(Object.entries(clients).map(registered)), { mode: 0o600 });
	const settings = {
		OAUTH_CLIENTS_JSON_FILE: file,
		// Every module signs in from one address; the limit itself has tests of its own.
		PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS: '100000',
		// So does every module, which is what most of its time would go into.
		PASEPORT_PASSWORD_WORK_FACTOR: '10',
		// Redis may be given no processor for a while, as in tools/with-stack.sh.
		PASEPORT_REDIS_TIMEOUT_MS: '2000'
	};
	return spawn(
		python,
		[
			...[
				'-m',
				'paseport_testkit.stack',
				'--folder',
				join(folder, 'stack'),
				'--port',
				String(await freePort())
			],
			...Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
		],
		{ stdio: ['ignore', 'ignore', 'inherit'] }
	);
}

/** @param {[string, import('./support/description').Client]} client */
function registered([role, client]) {
	const isPublic = client.client_secret === undefined;
	return {
		client_id: client.client_id,
		name: `Conformance ${role}`,
		auth_method: isPublic ? 'none' : role === 'post' ? 'client_secret_post' : 'client_secret_basic',
		...(isPublic ? {} : { secret: client.client_secret }),
		grants: ['authorization_code', 'refresh_token'],
		scopes: ['openid', 'profile', 'email', 'offline_access'],
		redirect_uris: [client.redirect_uri],
		post_logout_redirect_uris: [client.post_logout_redirect_uri],
		require_pkce: isPublic || role === 'pkce'
	};
}

/** The description that the topology writes of itself once it is ready. */
async function describe() {
	const deadline = Date.now() + startTimeoutMs;
	while (Date.now() < deadline && stack.exitCode === null && stack.signalCode === null) {
		const text = await readFile(join(folder, 'stack.json'), 'utf8').catch(() => '');
		if (text) return JSON.parse(text);
		await pause(200);
	}
	throw new Error('the production topology did not start');
}

/** @param {string} log */
async function endOf(log) {
	return (await readFile(log, 'utf8')).split('\n').slice(-40).join('\n');
}

async function stop() {
	if (stack.exitCode === null && stack.signalCode === null) {
		const ended = once(stack, 'exit');
		stack.kill('SIGTERM');
		await ended;
	}
	await rm(folder, { recursive: true });
}

async function freePort() {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
	await once(server.close(), 'close');
	return port;
}
