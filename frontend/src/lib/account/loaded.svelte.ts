import { asProblem, isAbort, type Problem } from '$lib/api/problem';

/** Something that a page shows, asked for again after each change. The latest question wins. */
export class Loaded<Value> {
	value = $state.raw<Value | null>(null);
	problem = $state.raw<Problem | null>(null);
	readonly #ask: (signal: AbortSignal) => Promise<Value>;
	#running: AbortController | null = null;

	constructor(ask: (signal: AbortSignal) => Promise<Value>) {
		this.#ask = ask;
	}

	/** Ask; an older value stays while the answer is on its way, and beside a problem. */
	async load(): Promise<void> {
		this.#running?.abort();
		const running = (this.#running = new AbortController());
		try {
			const value = await this.#ask(running.signal);
			if (running !== this.#running) return;
			this.value = value;
			this.problem = null;
		} catch (thrown) {
			if (isAbort(thrown) || running !== this.#running) return;
			this.problem = asProblem(thrown);
		}
	}

	stop(): void {
		this.#running?.abort();
	}
}
