import { asProblem, isAbort, type Problem } from '$lib/api/problem';

interface Page<Item> {
	readonly items: readonly Item[];
	readonly next: string | null;
	readonly total: number;
}

interface Query {
	search?: string;
	cursor?: string;
}

/** One searched list, page after page. The latest question wins: an answer to an earlier one is dropped. */
export class PagedList<Item> {
	items = $state.raw<readonly Item[]>([]);
	total = $state(0);
	next = $state<string | null>(null);
	problem = $state.raw<Problem | null>(null);
	/** `first` while nothing is shown yet, `again` while an older answer stays visible, `more` for the next page. */
	loading = $state<'first' | 'again' | 'more' | null>('first');
	/** What the list shown, or asked for, was searched for. */
	search = $state('');
	#running: AbortController | null = null;
	readonly #read: (query: Query, signal: AbortSignal) => Promise<Page<Item>>;

	constructor(read: (query: Query, signal: AbortSignal) => Promise<Page<Item>>) {
		this.#read = read;
	}

	async load(search: string): Promise<void> {
		this.search = search.trim();
		this.loading = this.items.length === 0 ? 'first' : 'again';
		await this.#ask(null);
	}

	async more(): Promise<void> {
		if (this.next === null || this.loading !== null) return;
		this.loading = 'more';
		await this.#ask(this.next);
	}

	async retry(): Promise<void> {
		await this.load(this.search);
	}

	stop(): void {
		this.#running?.abort();
	}

	async #ask(cursor: string | null): Promise<void> {
		this.#running?.abort();
		const running = (this.#running = new AbortController());
		const { search } = this;
		const query = { ...(search === '' ? {} : { search }), ...(cursor === null ? {} : { cursor }) };
		try {
			const page = await this.#read(query, running.signal);
			if (running !== this.#running) return;
			this.items = cursor === null ? page.items : [...this.items, ...page.items];
			this.next = page.next;
			this.total = page.total;
			this.problem = null;
		} catch (thrown) {
			if (isAbort(thrown) || running !== this.#running) return;
			this.problem = asProblem(thrown);
		}
		this.loading = null;
	}
}
