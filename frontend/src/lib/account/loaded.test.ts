import { describe, expect, it } from 'vitest';
import { Problem } from '$lib/api/problem';
import { Loaded } from './loaded.svelte';

const away = new Problem({ status: 503, code: 'unavailable', detail: 'away' });

/** Questions that wait until the test answers them. */
function questions() {
	const open: { signal: AbortSignal; answer: (value: string) => void; refuse: (problem: unknown) => void }[] =
		[];
	const loaded = new Loaded<string>(
		(signal) => new Promise((answer, refuse) => open.push({ signal, answer, refuse }))
	);
	return { loaded, open };
}

describe('something that a page loads', () => {
	it('keeps the older value beside a problem, and drops the problem with the next answer', async () => {
		const { loaded, open } = questions();
		const first = loaded.load();
		open[0]?.answer('one');
		await first;
		const second = loaded.load();
		expect(loaded.value).toBe('one');
		open[1]?.refuse(away);
		await second;
		expect([loaded.value, loaded.problem]).toEqual(['one', away]);

		const third = loaded.load();
		open[2]?.answer('two');
		await third;
		expect([loaded.value, loaded.problem]).toEqual(['two', null]);
	});

	it('shows the answer to the latest question, in whatever order they come', async () => {
		const { loaded, open } = questions();
		const both = [loaded.load(), loaded.load()];
		open[1]?.answer('new');
		open[0]?.answer('old');
		await Promise.all(both);
		expect(open[0]?.signal.aborted).toBe(true);
		expect(loaded.value).toBe('new');
	});

	it('says nothing about a question that was called off', async () => {
		const { loaded, open } = questions();
		const asked = loaded.load();
		loaded.stop();
		open[0]?.refuse(new DOMException('off', 'AbortError'));
		await asked;
		expect([loaded.value, loaded.problem]).toEqual([null, null]);
	});
});
