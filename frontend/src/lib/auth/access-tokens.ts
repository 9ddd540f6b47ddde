/**
 * The access token of this browser: in memory only, renewed before it ends, once for all tabs.
 *
 * Tabs share one refresh cookie. A Web Lock lets one of them renew at a time; the others get the fresh token over a
 * BroadcastChannel, which keeps it in memory (storage would leave it for any later script to read). Where the browser
 * lacks either, each tab renews for itself: the issuer's grace answers two of them with the same successor.
 */

export interface AccessToken {
	readonly value: string;
	/** From here on a fresh one is fetched first; like `expiresAt` milliseconds since the epoch, by this machine's clock. */
	readonly renewAt: number;
	readonly expiresAt: number;
}

/** The token of an answer to a request sent at `sentAt`: renewed half a minute early, or at half its life where that is shorter. */
export function accessToken(value: string, expiresInSeconds: number, sentAt: number): AccessToken {
	const life = expiresInSeconds * 1000;
	return { value, renewAt: sentAt + life - Math.min(30_000, life / 2), expiresAt: sentAt + life };
}

/** What the platform offers; tests bring their own. */
export interface Platform {
	readonly locks: Pick<LockManager, 'request' | 'query'> | null;
	readonly channel: Pick<BroadcastChannel, 'postMessage' | 'addEventListener'> | null;
	readonly now: () => number;
}

export interface Events {
	/** The session is over: `elsewhere` is true where another tab signed out; `way`, where the browser goes on, if anywhere. */
	ended(cause: 'expired' | 'signed-out', elsewhere: boolean, way: string | null): void;
	/** Another tab signed in, perhaps as somebody else. */
	signedInElsewhere(): void;
}

type Message =
	| { readonly kind: 'ask' }
	| { readonly kind: 'token'; readonly token: AccessToken }
	| { readonly kind: 'signed-in'; readonly token: AccessToken }
	| { readonly kind: 'signed-out' }
	| { readonly kind: 'refused' };

/** How long a tab waits for another one's token before it renews by itself. */
const handoverMs = 150;
const renewLock = 'paseport-renew';
const presenceLock = 'paseport-tab';

export class AccessTokens {
	readonly #refresh: () => Promise<AccessToken | null>;
	readonly #platform: Platform;
	readonly #events: Events;
	#current: AccessToken | null = null;
	#renewing: Promise<AccessToken | null> | null = null;
	/** Counts sign-ins and sign-outs: an answer to a refresh sent before one of them is worth nothing after it. */
	#epoch = 0;
	/** The issuer said that nobody is signed in, and nothing has happened since that could have changed it. */
	#nobody = false;
	#awaited: ((token: AccessToken) => void) | null = null;

	/** `refresh` answers null where nobody is signed in any more, and throws where that cannot be known now. */
	constructor(refresh: () => Promise<AccessToken | null>, platform: Platform, events: Events) {
		this.#refresh = refresh;
		this.#platform = platform;
		this.#events = events;
		platform.channel?.addEventListener('message', (event) => this.#hear(event.data));
		// Held for the life of the tab, so that others can count who might answer them.
		platform.locks
			?.request(presenceLock, { mode: 'shared' }, () => new Promise<void>(() => {}))
			.catch(() => {});
	}

	/** A token that is not about to end, null where nobody is signed in. Throws where renewal fails for now and the old token is spent. */
	async current(): Promise<AccessToken | null> {
		if (this.#usable(this.#current)) return this.#current;
		if (this.#nobody) return null;
		try {
			return await this.#renew(null);
		} catch (failure) {
			// The issuer is away for a moment: what is left of the old token still opens the api.
			if (this.#current !== null && this.#platform.now() < this.#current.expiresAt) return this.#current;
			throw failure;
		}
	}

	/** A token other than `refused`, which a server did not take. */
	async replace(refused: string): Promise<AccessToken | null> {
		if (this.#usable(this.#current, refused)) return this.#current;
		return await this.#renew(refused);
	}

	/**
	 * Run a sign-in, which ends the session that this browser had: its tokens are forgotten in every tab. Those of the new
	 * one come later, when the browser arrives. No renewal of the old session may overtake it and leave its cookie behind.
	 */
	async replaceSession<T>(login: () => Promise<T>): Promise<T> {
		return await this.#alone(async () => {
			const answer = await login();
			this.#epoch += 1;
			this.#current = null;
			this.#nobody = false;
			this.#tell({ kind: 'refused' });
			return answer;
		});
	}

	/**
	 * Take up the session that the cookies name after a sign-in, and tell every tab; false where they name none. No other
	 * tab is asked for its token: it may still hold one of the person before.
	 */
	async arrive(): Promise<boolean> {
		return await this.#alone(async () => {
			const token = await this.#refresh();
			this.#epoch += 1;
			this.#current = token;
			this.#nobody = token === null;
			this.#tell(token === null ? { kind: 'refused' } : { kind: 'signed-in', token });
			return token !== null;
		});
	}

	/**
	 * Run a sign-out and tell every tab. Where `logout` throws, nothing is forgotten: the person is still signed in.
	 * `wayOn` says of its answer where this tab goes on, null for the app's own page.
	 */
	async signOut<T>(logout: () => Promise<T>, wayOn: (answer: T) => string | null = () => null): Promise<T> {
		const answer = await this.#alone(logout);
		this.#tell({ kind: 'signed-out' });
		this.#end('signed-out', false, wayOn(answer));
		return answer;
	}

	#renew(refused: string | null): Promise<AccessToken | null> {
		this.#renewing ??= this.#alone(() => this.#renewUnlessHanded(refused)).finally(() => {
			this.#renewing = null;
		});
		return this.#renewing;
	}

	async #renewUnlessHanded(refused: string | null): Promise<AccessToken | null> {
		if (this.#usable(this.#current, refused)) return this.#current;
		const epoch = this.#epoch;
		const handed = await this.#askOtherTabs(refused);
		if (epoch !== this.#epoch) return this.#current;
		if (handed !== null) return (this.#current = handed);

		const token = await this.#refresh();
		if (epoch !== this.#epoch) return this.#current;
		if (token === null) {
			this.#tell({ kind: 'refused' });
			this.#end('expired', false);
			this.#nobody = true;
			return null;
		}
		this.#current = token;
		this.#tell({ kind: 'token', token });
		return token;
	}

	async #askOtherTabs(refused: string | null): Promise<AccessToken | null> {
		if (this.#platform.channel === null || !(await this.#othersAreOpen())) return null;
		let timer: ReturnType<typeof setTimeout> | undefined;
		try {
			return await new Promise<AccessToken | null>((resolve) => {
				timer = setTimeout(() => resolve(null), handoverMs);
				this.#awaited = (token) => {
					if (this.#usable(token, refused)) resolve(token);
				};
				this.#tell({ kind: 'ask' });
			});
		} finally {
			clearTimeout(timer);
			this.#awaited = null;
		}
	}

	async #othersAreOpen(): Promise<boolean> {
		if (this.#platform.locks === null) return true;
		try {
			const { held = [] } = await this.#platform.locks.query();
			return held.filter((lock) => lock.name === presenceLock).length > 1;
		} catch {
			return true;
		}
	}

	async #alone<T>(work: () => Promise<T>): Promise<T> {
		if (this.#platform.locks === null) return await work();
		let begun = false;
		try {
			return (await this.#platform.locks.request(renewLock, async () => {
				begun = true;
				return await work();
			})) as T;
		} catch (thrown) {
			if (begun) throw thrown;
			// Who forbids cookies forbids locks as well. Without a session there is nothing to renew, and a page must still say so.
			return await work();
		}
	}

	#hear(data: unknown): void {
		const message = messageFrom(data);
		switch (message?.kind) {
			case 'ask':
				if (this.#current !== null && this.#usable(this.#current))
					this.#tell({ kind: 'token', token: this.#current });
				break;
			case 'token':
				this.#nobody = false;
				// Only a tab that is signed in, or about to be, takes it: a page left at the sign-in form asks first.
				if (this.#current !== null && message.token.expiresAt > this.#current.expiresAt)
					this.#current = message.token;
				this.#awaited?.(message.token);
				break;
			case 'signed-in':
				this.#epoch += 1;
				this.#current = message.token;
				this.#nobody = false;
				this.#events.signedInElsewhere();
				break;
			case 'signed-out':
				this.#end('signed-out', true);
				break;
			case 'refused':
				// Another tab was told that nobody is signed in. Ask for ourselves next time, and hand a dead token to nobody.
				this.#current = null;
				break;
		}
	}

	#end(cause: 'expired' | 'signed-out', elsewhere: boolean, way: string | null = null): void {
		this.#epoch += 1;
		this.#current = null;
		this.#events.ended(cause, elsewhere, way);
	}

	#tell(message: Message): void {
		this.#platform.channel?.postMessage(message);
	}

	#usable(token: AccessToken | null, refused: string | null = null): boolean {
		return token !== null && token.value !== refused && this.#platform.now() < token.renewAt;
	}
}

/** Only scripts of this origin can write to the channel; another version of the app may be one of them. */
function messageFrom(data: unknown): Message | null {
	if (typeof data !== 'object' || data === null || !('kind' in data)) return null;
	if (data.kind === 'ask' || data.kind === 'signed-out' || data.kind === 'refused')
		return { kind: data.kind };
	if (data.kind !== 'token' && data.kind !== 'signed-in') return null;
	if (!('token' in data) || typeof data.token !== 'object' || data.token === null) return null;
	const { value, renewAt, expiresAt } = data.token as Partial<Record<keyof AccessToken, unknown>>;
	if (typeof value !== 'string' || typeof renewAt !== 'number' || typeof expiresAt !== 'number') return null;
	return { kind: data.kind, token: { value, renewAt, expiresAt } };
}
