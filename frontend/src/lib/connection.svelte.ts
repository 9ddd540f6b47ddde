import type { Problem } from './api/problem';

/** Whether the back end answers. A failed renewal keeps the session: the person is told, and may try again. */
class Connection {
	trouble = $state.raw<Problem | null>(null);
	readonly #onRestored = new Set<() => void>();

	failed(problem: Problem): void {
		this.trouble = problem;
	}

	reached(): void {
		if (this.trouble === null) return;
		this.trouble = null;
		for (const listener of this.#onRestored) listener();
	}

	/** Call `listener` each time the back end answers again; returns how to stop that. */
	onRestored(listener: () => void): () => void {
		this.#onRestored.add(listener);
		return () => this.#onRestored.delete(listener);
	}
}

export const connection = new Connection();
