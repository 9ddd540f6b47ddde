import { tick } from 'svelte';
import { asProblem, type Problem } from '$lib/api/problem';

/** Changes that an admin tries, and what became of the last one: shown on the page, or as a conflict. */
export class Attempts {
	problem = $state.raw<Problem | null>(null);
	/** Somebody else's change came first. */
	conflict = $state(false);
	/** Where it is shown: the button may be far below. */
	notices: HTMLElement | undefined = $state();

	/** Run a change. What is wrong with a field is left to whoever shows the field. */
	async run(work: () => Promise<void>): Promise<Problem | null> {
		this.problem = null;
		this.conflict = false;
		try {
			await work();
			return null;
		} catch (thrown) {
			const found = asProblem(thrown);
			if (found.code === 'precondition_failed') this.conflict = true;
			else if (found.errors.length === 0) this.problem = found;
			await tick();
			this.notices?.scrollIntoView({ block: 'nearest' });
			return found;
		}
	}
}
