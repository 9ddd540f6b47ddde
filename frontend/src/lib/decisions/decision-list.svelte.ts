import type { Decision, DecisionPage } from '$lib/api/decisions';
import { asProblem, isAbort, type Problem } from '$lib/api/problem';

interface Log {
	/** The newest denials, or those before a position. */
	latest(before: string | null, signal: AbortSignal): Promise<DecisionPage>;
	/** The denial of one request, as a page of none or one. */
	find(requestId: string, signal: AbortSignal): Promise<DecisionPage>;
}

/** The newest denials, page after page, or the one of a request. The latest question wins. */
export class DecisionList {
	items = $state.raw<readonly Decision[]>([]);
	next = $state<string | null>(null);
	problem = $state.raw<Problem | null>(null);
	/** `first` while nothing is shown yet, `again` while an older answer stays visible, `more` for the next page. */
	loading = $state<'first' | 'again' | 'more' | null>('first');
	/** The request that is asked about; empty: all of them. */
	requestId = $state('');
	/** When the answer came, for what is said of times. */
	now = $state(Date.now());
	#running: AbortController | null = null;
	readonly #log: Log;

	constructor(log: Log) {
		this.#log = log;
	}

	async load(requestId: string): Promise<void> {
		// What another question found is no older answer to this one.
		if (requestId !== this.requestId) {
			this.items = [];
			this.next = null;
		}
		this.requestId = requestId;
		this.loading = this.items.length === 0 ? 'first' : 'again';
		await this.#ask((signal) =>
			requestId === '' ? this.#log.latest(null, signal) : this.#log.find(requestId, signal)
		);
	}

	async more(): Promise<void> {
		const { next } = this;
		if (next === null || this.loading !== null) return;
		this.loading = 'more';
		const shown = this.items;
		await this.#ask(async (signal) => {
			const page = await this.#log.latest(next, signal);
			return { ...page, items: [...shown, ...page.items] };
		});
	}

	async retry(): Promise<void> {
		await this.load(this.requestId);
	}

	stop(): void {
		this.#running?.abort();
	}

	async #ask(read: (signal: AbortSignal) => Promise<DecisionPage>): Promise<void> {
		this.#running?.abort();
		const running = (this.#running = new AbortController());
		try {
			const page = await read(running.signal);
			if (running !== this.#running) return;
			this.items = page.items;
			this.next = page.next;
			this.problem = null;
		} catch (thrown) {
			if (isAbort(thrown) || running !== this.#running) return;
			this.problem = asProblem(thrown);
		}
		this.now = Date.now();
		this.loading = null;
	}
}
