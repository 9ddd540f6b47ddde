/** What every test of the suite is given. */
import { test as playwright } from '@playwright/test';
import { excusingStandstills } from '../../support/standstill';
import { readDescription, type Description } from '../support/description';
import { Session } from '../support/session';

export const base = playwright.extend<{ standstills: void }>({
	standstills: [async ({}, use, test) => excusingStandstills(test, () => use()), { auto: true, box: true }]
});

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
