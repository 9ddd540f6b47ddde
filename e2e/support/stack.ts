/** The production topology under the journeys, where `tools/with-stack.sh` started it. */
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';

interface Server {
	readonly name: string;
	readonly host: string;
	readonly port: number;
	readonly pid: number;
}

interface Description {
	readonly redis: {
		readonly master_name: string;
		readonly nodes: readonly Server[];
		readonly sentinels: readonly Server[];
		readonly sentinel_users: Readonly<Record<string, string>>;
	};
}

const variable = 'PASEPORT_E2E_STACK';

/** The Redis node that the Sentinels name primary now. */
export async function redisPrimary(): Promise<Server> {
	const { redis } = await describe();
	const port = await portOfPrimary(redis);
	const primary = redis.nodes.find((node) => node.port === port);
	if (!primary) throw new Error(`the Sentinels name port ${port}, which is no node of this stack`);
	return primary;
}

async function describe(): Promise<Description> {
	const path = process.env[variable];
	if (!path) throw new Error(`${variable} names no stack`);
	return JSON.parse(await readFile(path, 'utf8')) as Description;
}

async function portOfPrimary({
	sentinels,
	sentinel_users,
	master_name
}: Description['redis']): Promise<number> {
	const [sentinel] = sentinels;
	const [user, password] = Object.entries(sentinel_users)[0] ?? [];
	if (!sentinel || !user || !password) throw new Error('the stack describes no Sentinel');
	const socket = connect(sentinel.port, sentinel.host);
	await once(socket, 'connect');
	socket.write(`AUTH ${user} ${password}\r\nSENTINEL get-master-addr-by-name ${master_name}\r\n`);
	let answer = '';
	for await (const chunk of socket) {
		answer += String(chunk);
		const address = /\*2\r\n\$\d+\r\n(\S+)\r\n\$\d+\r\n(\d+)\r\n/.exec(answer);
		if (address) {
			socket.destroy();
			return Number(address[2]);
		}
	}
	throw new Error(`the Sentinel answered ${JSON.stringify(answer)}`);
}
