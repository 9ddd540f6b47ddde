/**
 * A press of the pointer, from going down to the click it makes.
 *
 * What moves between the two is not clicked: the pointer comes up over something else. So whatever a field shows or hides
 * when it loses focus waits for the end of the press that took the focus away.
 */
export class Press {
	#down = false;
	readonly #waiting = new Set<() => void>();
	readonly #later: (work: () => void) => void;

	/** `later` runs work in a task of its own: the click comes in the same task as the event that ends the press. */
	constructor(target: EventTarget, later: (work: () => void) => void = (work) => void setTimeout(work)) {
		this.#later = later;
		// Mouse events, which touch screens send too, after the finger is up and just before the focus moves.
		target.addEventListener('mousedown', () => (this.#down = true), true);
		for (const end of ['mouseup', 'dragend', 'pointercancel'])
			target.addEventListener(end, () => this.#ended(), true);
	}

	/** Run `work` now, or after the press under way and its click. Returns how to call it off. */
	after(work: () => void): () => void {
		if (!this.#down) {
			work();
			return () => {};
		}
		this.#waiting.add(work);
		return () => void this.#waiting.delete(work);
	}

	#ended(): void {
		this.#down = false;
		this.#later(() => {
			for (const work of [...this.#waiting]) if (this.#waiting.delete(work)) work();
		});
	}
}

let shared: Press | undefined;

/** The pointer of this window; it is followed from the first call on. */
export function press(): Press {
	return (shared ??= new Press(window));
}
