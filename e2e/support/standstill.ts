/**
 * A journey that fails while the machine stands still, or soon after it, is made again; what fails otherwise has failed.
 * The heartbeat is that of the tests in Python, which says why (libs/testkit, `harness/standstill.py`).
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TestInfo } from '@playwright/test';

const folderName = 'PASEPORT_E2E_STANDSTILLS';
const python = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const excuseMs = 500;
const aftermathMs = 30_000;
const writtenAfterMs = 500;

/** Begin to note in a folder when the machine stands still. Returns what ends it. */
export async function watchTheMachine(folder: string): Promise<() => void> {
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder, { recursive: true });
	process.env[folderName] = folder;
	const heartbeat = spawn(
		python,
		['-m', 'paseport_testkit.harness.standstill', join(folder, 'standstills')],
		{
			stdio: ['pipe', 'inherit', 'inherit']
		}
	);
	return () => heartbeat.stdin!.end();
}

/** Let a journey be made, and again where it failed because of the machine. */
export async function excusingStandstills(journey: TestInfo, make: () => Promise<void>): Promise<void> {
	const folder = process.env[folderName]!;
	const excused = join(folder, `${journey.testId}-${journey.retry}`);
	if (journey.retry > 0 && !existsSync(join(folder, `${journey.testId}-${journey.retry - 1}`)))
		throw new Error('This journey failed, and the machine did not stand still: see its first try.');
	const began = Date.now();
	await make();
	if (journey.status === journey.expectedStatus) return;
	await pause(writtenAfterMs);
	const stoodStillMs = await stoodStill(join(folder, 'standstills'), began - aftermathMs);
	if (stoodStillMs >= excuseMs) await writeFile(excused, `for ${stoodStillMs} ms\n`);
}

async function stoodStill(file: string, since: number): Promise<number> {
	const standstills = (await readFile(file, 'utf8'))
		.split('\n')
		.filter(Boolean)
		.map((line) => line.split(' ').map(Number) as [number, number])
		.sort(([one], [other]) => one - other);
	let total = 0;
	// Two processors that stand still at the same time do so once.
	for (const [asleep, awake] of standstills) {
		total += Math.max(0, awake - Math.max(since, asleep));
		since = Math.max(since, awake);
	}
	return total;
}
