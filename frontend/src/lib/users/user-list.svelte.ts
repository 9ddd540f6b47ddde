import { asProblem, isAbort, type Problem } from '$lib/api/problem';
import { listUsers, type User, type UserQuery } from '$lib/api/users';
import type { UserFilter } from './user-filter';

/** One list of users, page after page. The latest question wins: an answer to an earlier one is dropped. */
export class UserList {
	items = $state.raw<readonly User[]>([]);
	total = $state(0);
	next = $state<string | null>(null);
	problem = $state.raw<Problem | null>(null);
	/** `first` while nothing is shown yet, `again` while an older answer stays visible, `more` for the next page. */
	loading = $state<'first' | 'again' | 'more' | null>('first');
	/** Roles seen so far, for the filter. */
	roles = $state.raw<readonly string[]>(['Admin', 'User']);
	#filter: UserFilter | null = null;
	#running: AbortController | null = null;

	async load(filter: UserFilter): Promise<void> {
		this.#filter = filter;
		this.loading = this.items.length === 0 ? 'first' : 'again';
		await this.#ask(filter, null);
	}

	async more(): Promise<void> {
		if (this.#filter === null || this.next === null || this.loading !== null) return;
		this.loading = 'more';
		await this.#ask(this.#filter, this.next);
	}

	async retry(): Promise<void> {
		if (this.#filter !== null) await this.load(this.#filter);
	}

	stop(): void {
		this.#running?.abort();
	}

	async #ask(filter: UserFilter, cursor: string | null): Promise<void> {
		this.#running?.abort();
		const running = (this.#running = new AbortController());
		try {
			const page = await listUsers(requestFrom(filter, cursor), running.signal);
			if (running !== this.#running) return;
			this.items = cursor === null ? page.items : [...this.items, ...page.items];
			this.next = page.next ?? null;
			this.total = page.total;
			this.problem = null;
			this.roles = [...new Set([...this.roles, ...page.items.flatMap((user) => user.roles)])].sort();
		} catch (thrown) {
			if (isAbort(thrown) || running !== this.#running) return;
			this.problem = asProblem(thrown);
		}
		this.loading = null;
	}
}

function requestFrom(filter: UserFilter, cursor: string | null): UserQuery {
	return {
		...(filter.search.trim() === '' ? {} : { search: filter.search.trim() }),
		...(filter.role === '' ? {} : { role: filter.role }),
		...(filter.status === '' ? {} : { status: filter.status }),
		...(cursor === null ? {} : { cursor }),
		sort: filter.sort
	};
}
