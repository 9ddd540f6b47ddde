/** What every test of the suite is given. */
import { test as base } from '@playwright/test';
import { readDescription, type Description } from '../support/description';
import { Session } from '../support/session';

export interface Options {
	/** The environment variable that names the provider's description. */
	readonly variable: string;
}

export const test = base.extend<{ session: Session }, Options & { description: Description }>({
	variable: ['', { option: true, scope: 'worker' }],
	description: [
		async ({ variable }, use) => {
			const path = process.env[variable];
			if (!path) throw new Error(`${variable} must name the description of a provider`);
			await use(await readDescription(path));
		},
		{ scope: 'worker' }
	],
	session: async ({ description }, use) => {
		await use(await Session.open(description));
	}
});
