/** Every module fails where an issuer does what the module is there to notice, and passes on the same issuer otherwise. */
import { inspect } from 'node:util';
import { expect } from '@playwright/test';
import { breakagesOf, brokenModules } from '../broken/table';
import { BrokenIssuer } from '../broken/issuer';
import { modules } from '../modules';
import { realWait, type Wait } from '../modules/module';
import type { Profile } from '../reference/provider';
import { Nonconformance } from '../support/check';
import { Session } from '../support/session';
import { base } from './suite';

type Issuers = Readonly<Record<Profile, BrokenIssuer>>;

const test = base.extend<object, { issuers: Issuers }>({
	issuers: [
		async ({}, use) => {
			const folder = process.env['PASEPORT_CONFORMANCE_CERTIFICATES'];
			if (!folder)
				throw new Error('PASEPORT_CONFORMANCE_CERTIFICATES must name the folder of the certificates');
			const full = await BrokenIssuer.start(folder, 'full');
			const narrow = await BrokenIssuer.start(folder, 'narrow');
			await use({ full, narrow });
			await full.stop();
			await narrow.stop();
		},
		{ scope: 'worker' }
	]
});

// Half a minute changes nothing for a code that was used; that it does not, is the reference's run to show.
const shortWait: Wait = (seconds) => realWait(Math.min(seconds, 3));

test('every module has its broken issuer', () => {
	expect([...brokenModules].sort()).toEqual(modules.map(({ name }) => name).sort());
	for (const { name } of modules) expect(breakagesOf(name), name).not.toHaveLength(0);
});

for (const module of modules) {
	const annotation = { type: 'module', description: module.name };

	test(`${module.name} passes through the proxy that breaks nothing`, async ({ issuers: { full } }) => {
		full.use(null);
		await module.run(await Session.open(full.description), shortWait);
	});

	for (const newBreakage of breakagesOf(module.name)) {
		test(
			`${module.name} fails on an issuer that ${newBreakage().what}`,
			{ annotation },
			async ({ issuers }) => {
				const breakage = newBreakage();
				const issuer = issuers[breakage.profile ?? 'full'];
				issuer.use(breakage);
				const failure = await failureOf(async () => {
					await module.run(await Session.open(issuer.description), shortWait);
				});
				expect(failure, inspect(failure)).toBeInstanceOf(Nonconformance);
				expect(String(failure)).toMatch(breakage.noticed);
			}
		);
	}
}

async function failureOf(attempt: () => Promise<void>): Promise<unknown> {
	try {
		await attempt();
		return 'the module passed';
	} catch (error) {
		return error;
	}
}
