/** `test` with what every journey needs: an admin's API, people that go away again, further devices, a watched browser. */
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';
import { Api } from './api';
import { Application } from './application';
import { installation, type Credentials } from './installation';
import { People } from './people';
import { Watch } from './watch';

interface Fixtures {
	readonly watch: Watch;
	readonly people: People;
	/** Somebody else's application, which the browser may visit. */
	readonly application: Application;
	/** Another browser: cookies and memory of its own. */
	readonly newDevice: () => Promise<Page>;
}

interface WorkerFixtures {
	/** The administrator that the installation started with. */
	readonly admin: Credentials;
	readonly api: Api;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
	baseURL: async ({}, use) => use(installation().url),
	// `make stack` serves https with an authority of its own.
	ignoreHTTPSErrors: async ({}, use) => use(installation().url.startsWith('https:')),

	admin: [async ({}, use) => use(installation().admin), { scope: 'worker' }],
	api: [
		async ({ playwright, admin }, use) => {
			const request = await playwright.request.newContext({
				baseURL: installation().url,
				ignoreHTTPSErrors: installation().url.startsWith('https:')
			});
			await use(new Api(request, admin));
			await request.dispose();
		},
		{ scope: 'worker' }
	],

	watch: [
		async ({ context }, use) => {
			const watch = new Watch();
			watch.over(context);
			await use(watch);
			expect(watch.surprises, 'what the browser reported during the journey').toEqual([]);
		},
		{ auto: true }
	],
	people: async ({ api }, use) => {
		const people = new People(api);
		await use(people);
		await people.removeAll();
	},
	application: async ({ api, watch }, use) => {
		await using application = await Application.start(api);
		watch.allowOrigin(application.origin);
		await use(application);
	},
	newDevice: async ({ browser, watch }, use) => {
		const contexts: BrowserContext[] = [];
		await use(async () => {
			const context = await browser.newContext();
			contexts.push(context);
			watch.over(context);
			return await context.newPage();
		});
		for (const context of contexts) await context.close();
	}
});

export { expect };
