/** WCAG 2.2 AA as far as a program can judge it, by axe-core. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';
import type { AxeResults, RunOnly, RunOptions } from 'axe-core';

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const everything = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** What a page in other colours may break. */
const colours = ['color-contrast', 'link-in-text-block'];

interface WithAxe {
	axe?: { run(options: RunOptions): Promise<AxeResults> };
}

/** Assert in both themes that nobody is kept out: contrast differs, and nothing else does. The dark one stays. */
export async function expectAccessibleInBothThemes(page: Page, what: string): Promise<void> {
	await page.emulateMedia({ colorScheme: 'light' });
	await expectAccessible(page, `${what}, light`);
	await page.emulateMedia({ colorScheme: 'dark' });
	await expectNothingWrong(page, `${what}, dark`, { type: 'rule', values: colours });
}

/** Assert that nobody is kept out of the page as it stands: no serious or critical violation. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
	await expectNothingWrong(page, what, { type: 'tag', values: everything });
}

async function expectNothingWrong(page: Page, what: string, runOnly: RunOnly): Promise<void> {
	await settled(page);
	if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(await source);
	const options: RunOptions = { runOnly, resultTypes: ['violations'] };
	const { violations } = await page.evaluate(
		async (options) => await (window as WithAxe).axe!.run(options),
		options
	);
	const found = violations
		.filter(({ impact }) => impact === 'serious' || impact === 'critical')
		.flatMap(({ id, help, nodes }) =>
			nodes.map(
				({ target, failureSummary }) => `${id}: ${help} (${target.join(' ')}) ${failureSummary ?? ''}`
			)
		);
	expect(found, what).toEqual([]);
}

/**
 * Wait until no colour is on its way to another one: a transition may start the next, of what inherits from it. Where
 * nothing is drawn, below closed details, none ever ends.
 */
async function settled(page: Page): Promise<void> {
	await page.evaluate(async () => {
		const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
		const passing = () =>
			document
				.getAnimations()
				.filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
				.filter(({ effect }) => (effect as KeyframeEffect | null)?.target?.checkVisibility());
		do {
			await Promise.allSettled(passing().map(({ finished }) => finished));
			await frame();
			await frame();
		} while (passing().length > 0);
	});
}
