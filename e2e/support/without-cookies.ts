/** A browser whose owner has forbidden cookies, and with them every other storage that a page could use. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type LaunchOptions } from '@playwright/test';
import { installation } from './installation';

export interface CookielessBrowser extends AsyncDisposable {
	readonly context: BrowserContext;
}

export async function withoutCookies(options: LaunchOptions = {}): Promise<CookielessBrowser> {
	const profile = await mkdtemp(join(tmpdir(), 'paseport-no-cookies-'));
	await mkdir(join(profile, 'Default'));
	// 2 is "block", as a person chooses it in the settings.
	const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
	await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
	const { url } = installation();
	// The shell without a window has no settings that a person could change: this one needs all of Chromium.
	const { CHROMIUM: executablePath = '' } = process.env;
	const context = await chromium.launchPersistentContext(profile, {
		...options,
		executablePath,
		baseURL: url,
		ignoreHTTPSErrors: url.startsWith('https:')
	});
	return {
		context,
		async [Symbol.asyncDispose]() {
			await context.close();
			await rm(profile, { recursive: true, force: true });
		}
	};
}
