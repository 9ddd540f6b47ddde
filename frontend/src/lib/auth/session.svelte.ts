import type { Me } from '$lib/api/dashboard';
import { isPublicPage, loginPath } from './local-path';

/** Who is signed in in this window. What they may do is the server's decision; the pages only hide what it would refuse. */
class Session {
	/** Null also for somebody signed in whose roles do not open the api: then only the server knows them. */
	who = $state.raw<Me | null>(null);
	/** True once this window knows that somebody is signed in. */
	open = $state(false);
	/** The page is being left: its calls fail, which is nobody's concern any more. */
	leaving = $state(false);
	readonly isAdmin = $derived(this.who?.roles.includes('Admin') ?? false);
	readonly #onSignedIn = new Set<() => void>();

	/**
	 * The session is over. The document is replaced rather than the route changed, so that nothing private stays in
	 * memory or behind the back button (BF-11). Pages that need no session stay where they are. `way` leads on to an
	 * identity provider, which ends its own session.
	 */
	ended(cause: 'expired' | 'signed-out', elsewhere: boolean, way: string | null): void {
		const wasOpen = this.open;
		this.open = false;
		this.who = null;
		if (!wasOpen && !(elsewhere && !isPublicPage(location.pathname))) return;
		this.leaving = true;
		const signIn = cause === 'expired' || elsewhere ? loginPath(location, cause) : '/login?reason=signed-out';
		location.replace(way ?? signIn);
	}

	signedInElsewhere(): void {
		for (const listener of this.#onSignedIn) listener();
	}

	/** Call `listener` when another tab signs in; returns how to stop that. */
	onSignedInElsewhere(listener: () => void): () => void {
		this.#onSignedIn.add(listener);
		return () => this.#onSignedIn.delete(listener);
	}
}

export const session = new Session();
