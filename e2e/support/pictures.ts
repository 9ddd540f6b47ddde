import { expect, type Page } from '@playwright/test';

const themes = ['light', 'dark'] as const;

/** Compare the page with its pictures in both themes. */
export async function compare(page: Page, name: string, { fullPage = true } = {}): Promise<void> {
	// What sticks to the window would stand in the middle of the page.
	if (fullPage) await page.evaluate(() => scrollTo(0, 0));
	for (const colorScheme of themes) {
		await page.emulateMedia({ colorScheme });
		await expect(page).toHaveScreenshot(`${name}-${colorScheme}.png`, { fullPage });
	}
}
