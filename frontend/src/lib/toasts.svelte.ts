/** Short confirmations that need no answer. Anything a person must act on is an alert in the page instead. */
export interface Toast {
	readonly id: number;
	readonly text: string;
}

const shownMs = 6000;

class Toasts {
	list = $state.raw<readonly Toast[]>([]);
	#last = 0;

	show(text: string): void {
		const id = (this.#last += 1);
		this.list = [...this.list, { id, text }].slice(-3);
		setTimeout(() => this.dismiss(id), shownMs);
	}

	dismiss(id: number): void {
		this.list = this.list.filter((toast) => toast.id !== id);
	}
}

export const toasts = new Toasts();
