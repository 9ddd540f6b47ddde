import type { Page } from '@playwright/test';
import { openAs, expectSignedIn } from '../../support/app';
import { foreignSite, type ForeignSite } from '../../support/foreign-site';
import { cookieName, installation, type Credentials } from '../../support/installation';
import { expect, test } from '../../support/journey';

type Origin = 'sameSite' | 'crossSite';

test.describe('A · Another web site attacks', () => {
	let site: ForeignSite;
	test.beforeAll(async () => {
		site = await foreignSite();
	});
	test.afterAll(async () => {
		await site[Symbol.asyncDispose]();
	});

	/** The cookies of Paseport, by name. */
	async function cookies(page: Page): Promise<Record<string, string>> {
		const all = await page.context().cookies(installation().url);
		return Object.fromEntries(all.map(({ name, value }) => [name, value]));
	}

	/** Submit a form from the foreign page, as a click on any link there could; ends on the page of the answer. */
	async function submitForm(
		page: Page,
		path: string,
		fields: Record<string, string>,
		type: string
	): Promise<number> {
		const target = installation().url + path;
		const [response] = await Promise.all([
			page.waitForResponse((answer) => answer.url() === target),
			page.waitForURL(target),
			page.evaluate(
				({ action, fields, type }) => {
					const form = Object.assign(document.createElement('form'), {
						action,
						method: 'post',
						enctype: type
					});
					for (const [name, value] of Object.entries(fields))
						form.append(Object.assign(document.createElement('input'), { name, value }));
					document.body.append(form);
					form.submit();
				},
				{ action: target, fields, type }
			)
		]);
		return response.status();
	}

	for (const [origin, from] of [
		['sameSite', 'another port of the same host'],
		['crossSite', 'another site']
	] as const satisfies readonly [Origin, string][]) {
		test(`from ${from}, forms change nothing (BF-02, BF-05, BF-08)`, async ({
			context,
			page,
			people,
			watch
		}) => {
			watch.allowOrigin(site[origin]);
			watch.expect(/status of (?:400|401|403|415)/);
			const [victim, attacker] = [await people.create(), await people.create()];
			await openAs(page, victim);
			const before = await cookies(page);

			const elsewhere = await context.newPage();
			const json = (who: Credentials) => JSON.stringify({ username: who.username, password: who.password });
			for (const [path, fields, type] of [
				['/auth/v1/logout', {}, 'application/x-www-form-urlencoded'],
				['/auth/v1/logout?all=true', {}, 'text/plain'],
				['/auth/v1/refresh', {}, 'application/x-www-form-urlencoded'],
				// A body that reads as JSON, without a preflight: {"username":…,"x":"="}
				['/auth/v1/login/local', { [json(attacker).replace(/\}$/, ',"x":"')]: '"}' }, 'text/plain'],
				[
					'/auth/v1/login/local',
					{ username: attacker.username, password: attacker.password },
					'application/x-www-form-urlencoded'
				]
			] as const) {
				await elsewhere.goto(site[origin]);
				expect(await submitForm(elsewhere, path, fields, type), path).toBe(403);
			}

			expect(await cookies(page)).toEqual(before);
			await page.reload();
			await expectSignedIn(page, victim.username);
		});

		test(`from ${from}, scripts change nothing and read nothing (BF-05, BF-07)`, async ({
			context,
			page,
			people,
			watch
		}) => {
			watch.allowOrigin(site[origin]);
			watch.expect(/CORS policy/, /ERR_FAILED/, /ERR_BLOCKED_BY_RESPONSE/, /status of (?:400|401|403|415)/);
			const victim = await people.create();
			await openAs(page, victim);
			const before = await cookies(page);

			const elsewhere = await context.newPage();
			await elsewhere.goto(site[origin]);
			const outcomes = await elsewhere.evaluate(async (target) => {
				const attempt = async (path: string, init: RequestInit) =>
					await fetch(target + path, { credentials: 'include', ...init }).then(
						(response) => response.type,
						() => 'refused'
					);
				const csrf = { 'X-CSRF': '1' };
				return {
					opaqueLogout: await attempt('/auth/v1/logout', { method: 'POST', mode: 'no-cors' }),
					opaqueRefresh: await attempt('/auth/v1/refresh', { method: 'POST', mode: 'no-cors' }),
					logout: await attempt('/auth/v1/logout', { method: 'POST', headers: csrf }),
					logoutEverywhere: await attempt('/auth/v1/logout?all=true', { method: 'POST', headers: csrf }),
					refresh: await attempt('/auth/v1/refresh', { method: 'POST', headers: csrf }),
					dashboard: await attempt('/api/dashboard', {}),
					users: await attempt('/users/v1', {})
				};
			}, installation().url);

			expect(outcomes).toEqual({
				opaqueLogout: 'refused',
				opaqueRefresh: 'refused',
				logout: 'refused',
				logoutEverywhere: 'refused',
				refresh: 'refused',
				dashboard: 'refused',
				users: 'refused'
			});
			expect(await cookies(page)).toEqual(before);
			await page.reload();
			await expectSignedIn(page, victim.username);
		});
	}

	test('the app cannot be shown in a frame of another page (BF-13)', async ({ page, watch }) => {
		watch.allowOrigin(site.crossSite);
		watch.expect(/frame-ancestors/, /chrome-error:/, /X-Frame-Options/);
		await page.goto(site.crossSite);

		const framed = page.waitForResponse((response) => response.url() === `${installation().url}/login`);
		await page.evaluate((src) => {
			document.body.append(Object.assign(document.createElement('iframe'), { src }));
		}, `${installation().url}/login`);
		await framed;

		await expect(page.frameLocator('iframe').getByRole('heading', { name: 'Sign in' })).toHaveCount(0);
		await expect
			.poll(() => page.frames().map((frame) => frame.url()))
			.toContain('chrome-error://chromewebdata/');
	});

	test('a page of Paseport that is opened from elsewhere cannot be reached through its window', async ({
		context,
		page,
		watch
	}) => {
		watch.allowOrigin(site.crossSite);
		await page.goto(site.crossSite);
		const opened = context.waitForEvent('page');
		await page.evaluate((url) => {
			(window as Window & { victim?: Window | null }).victim = window.open(`${url}/login`);
		}, installation().url);
		const victim = await opened;
		await expect(victim.getByRole('heading', { name: 'Sign in' })).toBeVisible();

		expect(await victim.evaluate(() => window.opener === null)).toBe(true);
		expect(await page.evaluate(() => (window as Window & { victim?: Window | null }).victim?.closed)).toBe(
			true
		);
		expect(Object.keys(await cookies(page))).not.toContain(cookieName('session'));
	});
});
