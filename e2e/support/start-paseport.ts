/**
 * Before the first journey: Paseport in one process, as `make run` starts it, on free ports and an empty data folder.
 * Where PASEPORT_E2E_URL names a running installation, that one is used and left running.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installation, isNamed, name } from './installation';

const program = fileURLToPath(new URL('../../.venv/bin/paseport', import.meta.url));
const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export default async function startPaseport(): Promise<() => Promise<void>> {
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
		await output.close();
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
	return stop;
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
