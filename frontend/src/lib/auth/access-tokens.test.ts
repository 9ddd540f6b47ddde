import { describe, expect, it } from 'vitest';
import { AccessTokens, accessToken, type AccessToken, type Events, type Platform } from './access-tokens';

const minute = 60_000;

/** One browser: what its tabs share is the platform's part, so it is played here; the tabs are the real thing. */
class Browser {
	time = 1_000_000;
	refreshes = 0;
	/** What the issuer answers next; a function may throw. */
	issue: () => Promise<AccessToken | null> | AccessToken | null = () => this.token();
	readonly #ports: ((data: unknown) => void)[] = [];
	readonly #queue = new Map<string, Promise<unknown>>();
	#tabs = 0;

	token(): AccessToken {
		return accessToken(`v4.public.${this.refreshes}`, 300, this.time);
	}

	tab({ withLocks = true } = {}): Tab {
		return new Tab(this, this.#platform(withLocks));
	}

	/** A tab of a browser whose owner has forbidden storage. */
	tabWithoutStorage(): Tab {
		const refused = () => Promise.reject(new DOMException('', 'SecurityError'));
		const locks = { request: refused, query: refused } as unknown as NonNullable<Platform['locks']>;
		return new Tab(this, { ...this.#platform(false), locks });
	}

	async refresh(): Promise<AccessToken | null> {
		this.refreshes += 1;
		return await this.issue();
	}

	#platform(withLocks: boolean): Platform {
		const hear: ((data: unknown) => void)[] = [];
		const port = (data: unknown) => hear.forEach((listener) => listener(data));
		this.#ports.push(port);
		const channel = {
			postMessage: (data: unknown) => {
				const copy: unknown = structuredClone(data);
				for (const other of this.#ports) if (other !== port) setTimeout(() => other(copy));
			},
			addEventListener: (_: string, listener: (event: { data: unknown }) => void) =>
				hear.push((data) => listener({ data }))
		};
		const locks = {
			request: (name: string, ...rest: unknown[]) => {
				const work = rest.at(-1) as () => Promise<unknown>;
				if (rest.length > 1) {
					this.#tabs += 1;
					return work();
				}
				const turn = (this.#queue.get(name) ?? Promise.resolve()).then(work);
				this.#queue.set(
					name,
					turn.catch(() => null)
				);
				return turn;
			},
			query: () =>
				Promise.resolve({ held: Array.from({ length: this.#tabs }, () => ({ name: 'paseport-tab' })) })
		};
		return {
			channel: channel as unknown as NonNullable<Platform['channel']>,
			locks: withLocks ? (locks as unknown as NonNullable<Platform['locks']>) : null,
			now: () => this.time
		};
	}
}

class Tab implements Events {
	readonly tokens: AccessTokens;
	readonly happened: string[] = [];

	constructor(browser: Browser, platform: Platform) {
		this.tokens = new AccessTokens(() => browser.refresh(), platform, this);
	}

	ended(cause: string, elsewhere: boolean) {
		this.happened.push(elsewhere ? `${cause} elsewhere` : cause);
	}

	signedInElsewhere() {
		this.happened.push('signed in elsewhere');
	}
}

const arrived = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('in one tab', () => {
	it('many calls at once make one refresh', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();

		const answers = await Promise.all(Array.from({ length: 20 }, () => tokens.current()));

		expect(browser.refreshes).toBe(1);
		expect(new Set(answers.map((token) => token?.value)).size).toBe(1);
	});

	it('a token with more than 30 seconds left is used as it is', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		await tokens.current();

		browser.time += 269_000;
		await tokens.current();

		expect(browser.refreshes).toBe(1);
	});

	it('a token with less than 30 seconds left is renewed first', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		await tokens.current();

		browser.time += 271_000;
		await tokens.current();

		expect(browser.refreshes).toBe(2);
	});

	it('a token that lives shorter than a minute is renewed at half its life', () => {
		expect(accessToken('t', 20, 0).renewAt).toBe(10_000);
		expect(accessToken('t', 300, 0).renewAt).toBe(270_000);
	});

	it('many calls refused with one token make one refresh', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		const refused = (await tokens.current())?.value ?? '';

		await Promise.all(Array.from({ length: 20 }, () => tokens.replace(refused)));

		expect(browser.refreshes).toBe(2);
	});

	it('a call refused with an older token gets the newer one without a refresh', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		const older = (await tokens.current())?.value ?? '';
		const newer = await tokens.replace(older);

		const again = await tokens.replace(older);

		expect(again).toEqual(newer);
		expect(browser.refreshes).toBe(2);
	});

	it('a refresh that finds nobody signed in ends the session', async () => {
		const browser = new Browser();
		const tab = browser.tab();
		browser.issue = () => null;

		expect(await tab.tokens.current()).toBeNull();
		expect(tab.happened).toEqual(['expired']);
	});

	it('a visitor without a session is asked about once, however many pages want to know', async () => {
		const browser = new Browser();
		const tab = browser.tab();
		browser.issue = () => null;

		expect(await tab.tokens.current()).toBeNull();
		expect(await tab.tokens.current()).toBeNull();

		expect(browser.refreshes).toBe(1);
		expect(tab.happened).toEqual(['expired']);
	});

	it('coming back from a sign-in opens the session', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		browser.issue = () => null;
		await tokens.current();
		browser.issue = () => browser.token();

		expect(await tokens.arrive()).toBe(true);
		expect((await tokens.current())?.value).toBe('v4.public.2');

		browser.time += 5 * minute;
		expect(await tokens.current()).not.toBeNull();
		expect(browser.refreshes).toBe(3);
	});

	it('coming back without a session says so, and ends nothing that was open', async () => {
		const browser = new Browser();
		const tab = browser.tab();
		browser.issue = () => null;

		expect(await tab.tokens.arrive()).toBe(false);

		expect(await tab.tokens.current()).toBeNull();
		expect(browser.refreshes).toBe(1);
		expect(tab.happened).toEqual([]);
	});

	it('where it cannot be known whether a sign-in stayed, the next try may tell', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		browser.issue = () => Promise.reject(new Error('503'));
		await expect(tokens.arrive()).rejects.toThrow('503');

		browser.issue = () => browser.token();

		expect(await tokens.arrive()).toBe(true);
	});

	it('a sign-in waits for a refresh that is on its way, so that no cookie of the old session comes after it', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		const order: string[] = [];
		browser.issue = async () => {
			await arrived();
			order.push('refreshed');
			return browser.token();
		};

		const refreshing = tokens.current();
		await tokens.replaceSession(() => Promise.resolve(order.push('signed in')));
		await refreshing;

		expect(order).toEqual(['refreshed', 'signed in']);
	});

	it('an unreachable issuer ends nothing, and the next call tries again', async () => {
		const browser = new Browser();
		const tab = browser.tab();
		browser.issue = () => Promise.reject(new Error('unreachable'));
		await expect(tab.tokens.current()).rejects.toThrow('unreachable');

		browser.issue = () => browser.token();

		expect(await tab.tokens.current()).not.toBeNull();
		expect(tab.happened).toEqual([]);
	});

	it('an unreachable issuer does not stop a token that still has seconds to live', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		const old = await tokens.current();
		browser.issue = () => Promise.reject(new Error('unreachable'));

		browser.time += 290_000;
		expect(await tokens.current()).toEqual(old);

		browser.time += 20_000;
		await expect(tokens.current()).rejects.toThrow('unreachable');
	});

	it('an answer to a refresh that arrives after a sign-out is dropped', async () => {
		const browser = new Browser();
		const tab = browser.tab({ withLocks: false });
		let release = (_: AccessToken) => {};
		browser.issue = () => new Promise((resolve) => (release = resolve));
		const late = tab.tokens.current();
		await expect.poll(() => browser.refreshes).toBe(1);

		await tab.tokens.signOut(() => Promise.resolve());
		release(browser.token());

		expect(await late).toBeNull();
		expect(tab.happened).toEqual(['signed-out']);
	});

	it('a sign-out that the server did not confirm forgets nothing', async () => {
		const browser = new Browser();
		const tab = browser.tab();
		const token = await tab.tokens.current();

		await expect(tab.tokens.signOut(() => Promise.reject(new Error('503')))).rejects.toThrow('503');

		expect(await tab.tokens.current()).toEqual(token);
		expect(tab.happened).toEqual([]);
	});
});

describe('in many tabs', () => {
	it('ten tabs that start together make one refresh', async () => {
		const browser = new Browser();
		const tabs = Array.from({ length: 10 }, () => browser.tab());

		const answers = await Promise.all(tabs.map(({ tokens }) => tokens.current()));

		expect(browser.refreshes).toBe(1);
		expect(new Set(answers.map((token) => token?.value)).size).toBe(1);
	});

	it('ten tabs whose token ends together make one refresh', async () => {
		const browser = new Browser();
		const tabs = Array.from({ length: 10 }, () => browser.tab());
		await Promise.all(tabs.map(({ tokens }) => tokens.current()));

		browser.time += 5 * minute;
		await Promise.all(tabs.map(({ tokens }) => tokens.current()));

		expect(browser.refreshes).toBe(2);
	});

	it('a new tab gets the token of another one and makes no refresh', async () => {
		const browser = new Browser();
		const first = browser.tab();
		const token = await first.tokens.current();

		const second = browser.tab();

		expect(await second.tokens.current()).toEqual(token);
		expect(browser.refreshes).toBe(1);
	});

	it('a tab is never handed the token that a server refused', async () => {
		const browser = new Browser();
		const first = browser.tab();
		const second = browser.tab();
		const refused = (await first.tokens.current())?.value ?? '';
		await second.tokens.current();

		const fresh = await second.tokens.replace(refused);

		expect(fresh?.value).not.toBe(refused);
		expect(browser.refreshes).toBe(2);
	});

	it('a tab that does not answer is not waited for longer than a moment', async () => {
		const browser = new Browser();
		browser.tab();
		const second = browser.tab();

		expect(await second.tokens.current()).not.toBeNull();
		expect(browser.refreshes).toBe(1);
	});

	it('where one refresh fails for now, the next tab tries for itself', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		browser.issue = () => (browser.refreshes === 1 ? Promise.reject(new Error('503')) : browser.token());

		const answers = await Promise.allSettled([first.tokens.current(), second.tokens.current()]);

		expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
	});

	it('a sign-out reaches every tab', async () => {
		const browser = new Browser();
		const [first, second, third] = [browser.tab(), browser.tab(), browser.tab()];
		await Promise.all([first, second, third].map(({ tokens }) => tokens.current()));

		await first.tokens.signOut(() => Promise.resolve());
		await arrived();

		expect(first.happened).toEqual(['signed-out']);
		expect(second.happened).toEqual(['signed-out elsewhere']);
		expect(third.happened).toEqual(['signed-out elsewhere']);
		browser.issue = () => null;
		expect(await second.tokens.current()).toBeNull();
	});

	it('a session that one tab finds ended is asked for by the others, and its token handed to nobody', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		const dead = (await first.tokens.current())?.value ?? '';
		await second.tokens.current();
		browser.issue = () => null;

		expect(await first.tokens.replace(dead)).toBeNull();
		await arrived();

		expect(await browser.tab().tokens.current()).toBeNull();
		expect(await second.tokens.current()).toBeNull();
		expect(second.happened).toEqual(['expired']);
	});

	it('a sign-in reaches every tab with its token', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		browser.issue = () => accessToken('v4.public.another-person', 300, browser.time);

		await first.tokens.arrive();
		await arrived();

		expect(second.happened).toEqual(['signed in elsewhere']);
		expect((await second.tokens.current())?.value).toBe('v4.public.another-person');
		expect(browser.refreshes).toBe(1);
	});

	it('a tab that comes back from a sign-in takes no token of the person before from another tab', async () => {
		const browser = new Browser();
		const former = browser.tab();
		const before = await former.tokens.current();

		const back = browser.tab();
		await back.tokens.arrive();
		await arrived();

		const now = await back.tokens.current();
		expect(now).not.toEqual(before);
		expect(await former.tokens.current()).toEqual(now);
	});

	it('once somebody signs in, no tab uses the token of the person before', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		const before = await first.tokens.current();
		await second.tokens.current();

		const way = await first.tokens.replaceSession(() => Promise.resolve('/continue'));
		await arrived();

		expect(way).toBe('/continue');
		expect(await second.tokens.current()).not.toEqual(before);
		expect(browser.refreshes).toBe(2);
		expect(second.happened).toEqual([]);
	});

	it('a tab that found nobody signed in learns of a sign-in in another one', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		browser.issue = () => null;
		await second.tokens.current();
		browser.issue = () => browser.token();

		await first.tokens.arrive();
		await arrived();

		expect((await second.tokens.current())?.value).toBe('v4.public.2');
		expect(browser.refreshes).toBe(2);
	});

	it('a tab that found nobody signed in asks again once it hears a token', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		browser.issue = () => null;
		await second.tokens.current();
		browser.issue = () => browser.token();

		const token = await first.tokens.current();
		await arrived();

		expect(await second.tokens.current()).toEqual(token);
		expect(browser.refreshes).toBe(2);
	});

	it('a refused sign-in changes nothing', async () => {
		const browser = new Browser();
		const [first, second] = [browser.tab(), browser.tab()];
		const token = await first.tokens.current();

		await expect(first.tokens.replaceSession(() => Promise.reject(new Error('401')))).rejects.toThrow('401');
		await arrived();

		expect(await first.tokens.current()).toEqual(token);
		expect(second.happened).toEqual([]);
	});

	it('a browser without locks still makes one refresh in a tab, and hands its token to the next tab', async () => {
		const browser = new Browser();
		const first = browser.tab({ withLocks: false });
		await Promise.all(Array.from({ length: 5 }, () => first.tokens.current()));

		const second = browser.tab({ withLocks: false });
		await second.tokens.current();

		expect(browser.refreshes).toBe(1);
	});

	it('a browser that refuses locks still answers who is signed in, each tab for itself', async () => {
		const browser = new Browser();
		const tab = browser.tabWithoutStorage();
		browser.issue = () => null;

		expect(await tab.tokens.current()).toBeNull();
		expect(await tab.tokens.arrive()).toBe(false);

		expect(browser.refreshes).toBe(2);
	});

	it('what fails while a lock is held is not tried a second time', async () => {
		const browser = new Browser();
		const { tokens } = browser.tab();
		let tries = 0;

		const signIn = tokens.replaceSession(() => Promise.reject(new Error(`try ${(tries += 1)}`)));

		await expect(signIn).rejects.toThrow('try 1');
		expect(tries).toBe(1);
	});

	it.each([null, 'token', { kind: 'token' }, { kind: 'token', token: { value: 1 } }, { kind: 'other' }])(
		'a message that is not one of ours (%j) is ignored',
		async (message) => {
			const browser = new Browser();
			const listeners: ((event: { data: unknown }) => void)[] = [];
			const events = new Tab(browser, browser.tab() as never);
			const tokens = new AccessTokens(
				() => browser.refresh(),
				{
					locks: null,
					now: () => browser.time,
					channel: {
						postMessage: () => {},
						addEventListener: (_: string, listener: unknown) =>
							listeners.push(listener as (typeof listeners)[0])
					} as unknown as NonNullable<Platform['channel']>
				},
				events
			);

			listeners.forEach((listener) => listener({ data: message }));

			expect(events.happened).toEqual([]);
			expect((await tokens.current())?.value).toBe('v4.public.1');
		}
	);
});
