/**
 * Before the first journey: Paseport in one process, as `make run` starts it, on free ports and an empty data folder, and
 * beside it the identity providers that it may ask (`upstream/serve.js`). Where PASEPORT_E2E_URL names a running
 * installation, that one is used and left running; PASEPORT_E2E_UPSTREAM then names its providers.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { FullConfig } from '@playwright/test';
import { installation, isNamed, name } from './installation';
import { rules } from './proxy';
import { watchTheMachine } from './standstill';
import { nameUpstream, type UpstreamAddresses } from './upstream';

const program = fileURLToPath(new URL('../../.venv/bin/paseport', import.meta.url));
const python = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const providers = fileURLToPath(new URL('../upstream/serve.js', import.meta.url));
const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export default async function start({ projects }: FullConfig): Promise<() => Promise<void>> {
	const outputDir = projects[0]!.outputDir;
	const watchNoMore = await watchTheMachine(join(outputDir, 'machine'));
	const stop = await startPaseport(outputDir);
	return async () => {
		await stop();
		watchNoMore();
	};
}

async function startPaseport(outputDir: string): Promise<() => Promise<void>> {
	if (isNamed()) {
		await ready(installation().url, () => null);
		return async () => {};
	}

	const folder = await mkdtemp(join(tmpdir(), 'paseport-e2e-'));
	const [port, internalPort] = await freePorts(2);
	const url = `http://localhost:${port}`;
	const admin = {
		username: 'admin',
		email: 'admin@example.test',
		password: randomBytes(18).toString('base64url')
	};
	const upstream = await startUpstream(folder);
	const policy = join(folder, 'policy.yml');
	await writeFile(policy, rules);
	const log = join(folder, 'paseport.log');
	const output = await open(log, 'w');
	const server = spawn(program, ['run'], {
		cwd: folder,
		env: {
			...withoutSettings(process.env),
			SERVER_PORT: String(port),
			PASEPORT_INTERNAL_PORT: String(internalPort),
			PASEPORT_DATA_DIR: join(folder, 'data'),
			PASEPORT_ADMIN_EMAIL: admin.email,
			PASEPORT_ADMIN_PASSWORD: admin.password,
			PASEPORT_OUTBOUND_ALLOW: upstream.targets,
			PASEPORT_OUTBOUND_CA: upstream.ca,
			// A journey may ask as a proxy does (support/proxy.ts).
			PASEPORT_TRUSTED_PROXIES: '127.0.0.1/32,::1/128',
			PASEPORT_POLICY_FILE: policy,
			// Every journey signs in from one address; the limit itself has tests of its own.
			PASEPORT_LOGIN_ATTEMPTS_PER_ADDRESS: '100000',
			// Each journey makes people and signs them in, which is what most of its time would go into.
			PASEPORT_PASSWORD_WORK_FACTOR: '10'
		},
		stdio: ['ignore', output.fd, output.fd]
	});
	const failed = new Promise<string>((resolve) => {
		server.once('error', (error) => resolve(error.message));
		server.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `status ${code}`}`));
	});
	let failure: string | null = null;
	void failed.then((reason) => (failure = reason));

	async function stop(): Promise<void> {
		await end(server);
		await end(upstream.process);
		await output.close();
		// For whoever looks into a journey that failed (tools/run-e2e.sh shows its warnings).
		await copyFile(log, join(outputDir, 'paseport.log'));
		await rm(folder, { recursive: true, force: true });
	}

	try {
		await ready(url, () => failure);
	} catch (thrown) {
		const said = (await readFile(log, 'utf8')).split('\n').slice(-40).join('\n');
		await stop();
		throw new Error(`${(thrown as Error).message}\n${said}`);
	}
	name({ url, admin });
	nameUpstream(upstream.addresses);
	return stop;
}

interface RunningUpstream {
	readonly process: ChildProcess;
	readonly addresses: UpstreamAddresses;
	/** Where Paseport may send requests besides to the public, and the authority that it trusts there. */
	readonly targets: string;
	readonly ca: string;
}

/** Start the identity providers on free ports, with certificates for this run alone. */
async function startUpstream(folder: string): Promise<RunningUpstream> {
	const certificates = join(folder, 'certificates');
	const make =
		'import sys, pathlib; from paseport_testkit.harness.certificates import Certificates; Certificates(pathlib.Path(sys.argv[1]))';
	const [status] = (await once(spawn(python, ['-c', make, certificates], { stdio: 'inherit' }), 'exit')) as [
		number | null
	];
	if (status !== 0) throw new Error('no certificates could be made for the identity providers');
	const ca = join(certificates, 'ca.pem');
	const configuration = join(folder, 'upstream.json');
	await writeFile(
		configuration,
		JSON.stringify({
			certificate: join(certificates, 'localhost.pem'),
			key: join(certificates, 'localhost.key')
		})
	);
	// It ends with the pipe, whatever happens to this process.
	const upstream = spawn(process.execPath, [providers, configuration], {
		env: { ...process.env, NODE_EXTRA_CA_CERTS: ca },
		stdio: ['pipe', 'pipe', 'ignore']
	});
	for await (const line of createInterface(upstream.stdout)) {
		const addresses = JSON.parse(line) as UpstreamAddresses;
		const targets = [addresses.issuer, addresses.github].map((address) => new URL(address).host).join(',');
		return { process: upstream, addresses, targets, ca };
	}
	throw new Error('the identity providers did not start');
}

async function ready(url: string, failure: () => string | null): Promise<void> {
	const deadline = Date.now() + startTimeoutMs;
	let last = 'it did not answer';
	while (Date.now() < deadline) {
		const reason = failure();
		if (reason !== null) throw new Error(`Paseport did not start: ${reason}`);
		try {
			const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) });
			if (response.ok) return;
			last = `/health/ready says ${response.status}: ${await response.text()}`;
		} catch (thrown) {
			last = (thrown as Error).message;
		}
		await pause(100);
	}
	throw new Error(`Paseport at ${url} is not ready after ${startTimeoutMs / 1000} s: ${last}`);
}

async function end(server: ChildProcess): Promise<void> {
	if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
	const ended = once(server, 'exit');
	server.kill('SIGTERM');
	const timer = setTimeout(() => server.kill('SIGKILL'), stopTimeoutMs);
	await ended;
	clearTimeout(timer);
}

/** Ports that nothing listens on; all are held until the last is found, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
	const servers = await Promise.all(
		Array.from({ length: count }, async () => {
			const server = createServer().listen(0, '127.0.0.1');
			await once(server, 'listening');
			return server;
		})
	);
	const ports = servers.map((server) => (server.address() as AddressInfo).port);
	await Promise.all(servers.map((server) => once(server.close(), 'close')));
	return ports;
}

/** The settings of whoever runs the tests are not the settings under test. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	const setting = /^(?:PASEPORT_|ACCESS_TOKEN_|COOKIE_|CORS_|SERVER_|MARIADB_|REDIS_|VAULT_|LOG_LEVEL)/;
	return Object.fromEntries(Object.entries(env).filter(([key]) => !setting.test(key)));
}
