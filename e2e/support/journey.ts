/** `test` with what every journey needs: an admin's API, people that go away again, further devices, a watched browser. */
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test';
import { Api, type Provider } from './api';
import { Application } from './application';
import { installation, type Credentials } from './installation';
import { People, unique } from './people';
import { excusingStandstills } from './standstill';
import { Upstream, type UpstreamClient } from './upstream';
import { Watch } from './watch';

/** An identity provider that Paseport knows, and what Paseport is known as there. */
export interface RegisteredProvider extends Provider {
	readonly client: UpstreamClient;
}

interface Fixtures {
	/** Has a journey made again that failed because of the machine. */
	readonly standstills: void;
	readonly watch: Watch;
	readonly people: People;
	/** Somebody else's application, which the browser may visit. */
	readonly application: Application;
	/** The identity providers beside Paseport, which the browser may visit. Nothing of them is known to it yet. */
	readonly upstream: Upstream;
	/** Register the OpenID Provider under a name of its own; it is disabled when the journey ends. */
	readonly newProvider: (changes?: Record<string, unknown>) => Promise<RegisteredProvider>;
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
	// `make stack` serves https with an authority of its own, and so do the identity providers.
	ignoreHTTPSErrors: async ({}, use) => use(true),

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

	standstills: [
		async ({}, use, journey) => excusingStandstills(journey, () => use()),
		{ auto: true, box: true }
	],
	watch: [
		// After everything else it is seen whether the journey failed.
		async ({ context, standstills: _ }, use) => {
			const watch = new Watch();
			watch.over(context);
			await use(watch);
			// What somebody still asks when a journey ends is not waited for.
			await Promise.all(context.pages().map((page) => page.unrouteAll({ behavior: 'ignoreErrors' })));
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
	upstream: async ({ watch }, use) => {
		const upstream = new Upstream();
		watch.allowOrigin(upstream.issuer);
		watch.allowOrigin(upstream.github);
		await use(upstream);
	},
	newProvider: async ({ api, upstream }, use) => {
		const registered: string[] = [];
		await use(async (changes = {}) => {
			const name = `p-${unique()}`;
			const client = await upstream.registerClient(`${installation().url}/auth/v1/oauth/callback/${name}`);
			const provider = await api.createProvider({
				name,
				display_name: `Provider ${name}`,
				issuer: upstream.issuer,
				client_id: client.id,
				client_secret: client.secret,
				default_roles: ['User'],
				...changes
			});
			registered.push(provider.id);
			return { ...provider, client };
		});
		for (const id of registered) await api.disableProvider(id);
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
