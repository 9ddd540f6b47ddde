/** WCAG 2.2 AA as far as a program can judge it, by axe-core. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';
import type { AxeResults, RunOptions } from 'axe-core';

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const options: RunOptions = {
	runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
	resultTypes: ['violations']
};

/**
 * Assert that nobody is kept out of the page as it stands: no serious or critical violation. Once, on the embedded mode:
 * the production topology serves the same app.
 */
export async function expectAccessible(page: Page, what: string): Promise<void> {
	if (process.env.PASEPORT_E2E_STACK) return;
	await settled(page);
	await page.evaluate(await source);
	const { violations } = await page.evaluate(
		async (options) =>
			await (window as unknown as { axe: { run(o: RunOptions): Promise<AxeResults> } }).axe.run(options),
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
