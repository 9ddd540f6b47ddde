/** Where a script of the page, a person or a log could find a token (BF-01, DT-06). */
import { expect, type Page } from '@playwright/test';

const secrets = /v4\.public\.|prt_[0-9A-Za-z]|prr_[0-9A-Za-z]/;

/** True where a text holds a token, one of `known` in particular. */
export function mentionsToken(text: string, known: readonly string[] = []): boolean {
	return secrets.test(text) || known.some((secret) => text.includes(secret));
}

/** Assert that nothing readable in the page holds a token, and none of `known` in particular. */
export async function expectNoTokens(page: Page, known: readonly string[] = []): Promise<void> {
	const places = await page.evaluate(async () => ({
		address: location.href,
		referrer: document.referrer,
		cookie: document.cookie,
		history: JSON.stringify(history.state),
		windowName: window.name,
		localStorage: JSON.stringify({ ...localStorage }),
		sessionStorage: JSON.stringify({ ...sessionStorage }),
		databases: (await indexedDB.databases()).map((database) => database.name ?? '').join(),
		caches: (await caches.keys()).join(),
		serviceWorkers: String((await navigator.serviceWorker.getRegistrations()).length),
		html: document.documentElement.outerHTML
	}));
	for (const [place, text] of Object.entries(places)) {
		expect(text, `no token in ${place}`).not.toMatch(secrets);
		for (const secret of known) expect(text.includes(secret), `no known secret in ${place}`).toBe(false);
	}
	expect(places.cookie, 'no cookie that a script can read').toBe('');
	expect(places.databases, 'no database').toBe('');
	expect(places.caches, 'no cache of its own').toBe('');
	expect(places.serviceWorkers, 'no service worker').toBe('0');
}
