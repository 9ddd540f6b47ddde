/** How a person answers a provider's pages. These pages are no part of any standard, so each provider has an adapter. */
import type { Arrival, Browser, Page } from './browser';
import { check } from './check';
import type { Account, Description } from './description';

export type Question = 'sign-in' | 'consent' | 'sign-out';

export interface Provider {
	/** What a page asks, or null where it only tells something. */
	asks(page: Page): Question | null;
	signIn(browser: Browser, page: Page, account: Account): Promise<Arrival>;
	consent(browser: Browser, page: Page): Promise<Arrival>;
	/** Confirm a sign-out. */
	signOut(browser: Browser, page: Page): Promise<Arrival>;
}

export function providerOf({ provider }: Description): Provider {
	return provider === 'paseport' ? paseport : oidcProvider;
}

/** The development pages of the npm package `oidc-provider`: plain forms. */
const oidcProvider: Provider = {
	asks({ html }) {
		if (html.includes('name="prompt" value="login"')) return 'sign-in';
		if (html.includes('name="prompt" value="consent"')) return 'consent';
		return html.includes('id="op.logoutForm"') ? 'sign-out' : null;
	},
	signIn: (browser, page, { username, password }) =>
		browser.submit(actionOf(page), { prompt: 'login', login: username, password }),
	consent: (browser, page) => browser.submit(actionOf(page), { prompt: 'consent' }),
	signOut(browser, page) {
		const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
		return browser.submit(actionOf(page), { xsrf, logout: 'yes' });
	}
};

function actionOf({ html, url }: Page): URL {
	const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1];
	if (action === undefined) throw new Error(`no form at ${url.pathname}`);
	return new URL(action.replaceAll('&amp;', '&'), url);
}

/** Paseport's pages are an app; its calls are made here. */
const paseport: Provider = {
	asks({ url }) {
		if (url.pathname === '/sign-out') return 'sign-out';
		if (!url.searchParams.has('transaction')) return null;
		return url.pathname === '/login' ? 'sign-in' : url.pathname === '/consent' ? 'consent' : null;
	},
	signIn: (browser, page, { username, password }) =>
		goOn(browser, '/auth/v1/login/local', { username, password, transaction: transactionOf(page) }),
	consent: (browser, page) =>
		goOn(browser, `/auth/v1/transactions/${transactionOf(page)}/consent`, { approve: true }),
	signOut: (browser, { url }) =>
		goOn(browser, '/auth/v1/logout/confirm', Object.fromEntries(url.searchParams))
};

function transactionOf({ url }: Page): string {
	return url.searchParams.get('transaction') ?? '';
}

async function goOn(browser: Browser, path: string, body: object): Promise<Arrival> {
	const response = await browser.call(path, body);
	const text = await response.text();
	check(response.ok, `${path} lets the person go on.`, `${response.status} ${text}`);
	const { continue: next } = JSON.parse(text) as { continue: string };
	return await browser.open(new URL(next, browser.origin));
}
