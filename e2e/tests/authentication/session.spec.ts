import {
	accountButton,
	comeBackTo,
	loginAs,
	loginForm,
	navigateSPA,
	navigation,
	openAs,
	openMenu,
	expectSignedIn,
	expectTransaction,
	tokenSentBy
} from '../../support/app';
import { cookieName, installation } from '../../support/installation';
import { expect, test } from '../../support/journey';
import { expectNoTokens, mentionsToken } from '../../support/leaks';

/** Longer than an access token lives. */
const overFiveMinutes = 5 * 60_000 + 5_000;
const banner = 'Paseport does not answer right now.';

test.describe('A · Staying signed in', () => {
	test('a reload keeps the session, and no token is where a script could read it (BF-01)', async ({
		page,
		people
	}) => {
		const person = await people.create();
		const arrived = page.waitForResponse(
			(response) => response.url().endsWith('/auth/v1/refresh') && response.ok()
		);
		const addresses: string[] = [];
		page.on('request', (request) => addresses.push(request.url()));
		await page.goto('/login');
		await expectTransaction(page);
		await expectNoTokens(page);
		await loginAs(page, person);
		const { access_token: token } = (await (await arrived).json()) as { access_token: string };
		const refreshToken = (await page.context().cookies()).find(
			({ name }) => name === cookieName('refresh')
		)?.value;
		expect(token).toMatch(/^v4\.public\./);
		expect(refreshToken).toMatch(/^prt_/);
		await expectNoTokens(page, [token, refreshToken ?? '', person.password]);
		// The way through the authorization endpoint is a way of addresses: it carries a code, and no token.
		expect(addresses.filter((address) => address.includes('/auth/v1/callback?code='))).toHaveLength(1);
		expect(addresses.filter((address) => mentionsToken(address, [token, refreshToken ?? '']))).toEqual([]);

		const refreshed = page.waitForResponse('**/auth/v1/refresh');
		await page.reload();
		const { access_token: next } = (await (await refreshed).json()) as { access_token: string };
		await expectSignedIn(page, person.username);

		expect(next).not.toBe(token);
		await expectNoTokens(page, [token, next, refreshToken ?? '']);
	});

	test('the cookies are for the server alone (BF-01)', async ({ page, people }) => {
		await loginAs(page, await people.create());

		const secure = installation().url.startsWith('https:');
		const shared = {
			// Without a leading dot: no Domain attribute was sent.
			domain: new URL(installation().url).hostname,
			path: '/',
			httpOnly: true,
			secure,
			// A cookie of the browser session: how long it is good for is for the server's clock to say (BF-12).
			expires: -1
		};
		const cookies = (await page.context().cookies()).sort((a, b) => a.name.localeCompare(b.name));
		expect(cookies).toEqual([
			expect.objectContaining({ ...shared, name: cookieName('refresh'), sameSite: 'Strict' }),
			expect.objectContaining({ ...shared, name: cookieName('session'), sameSite: 'Lax' }),
			// Binds sign-in transactions to this browser; it outlives them, and opens nothing.
			expect.objectContaining({
				...shared,
				name: cookieName('txn'),
				sameSite: 'Lax',
				expires: expect.any(Number)
			})
		]);
	});

	test('two tabs whose token has ended renew it once', async ({ context, page, people }) => {
		const person = await people.create();
		await context.clock.install();
		await openAs(page, person);
		const other = await context.newPage();
		await other.goto('/');
		await expect(accountButton(other)).toBeVisible();

		const tabs = [page, other];
		const old = await Promise.all(tabs.map((tab) => tokenSentBy(tab, () => comeBackTo(tab))));
		expect(old[0]).toBe(old[1]);
		const renewals: string[] = [];
		context.on('request', (request) => {
			if (request.url().endsWith('/auth/v1/refresh')) renewals.push(request.method());
		});
		const answers = tabs.map((tab) =>
			tab.waitForResponse(
				(response) =>
					response.url().endsWith('/api/dashboard') &&
					response.request().headers()['authorization'] !== `Bearer ${old[0]}`
			)
		);
		await context.clock.fastForward(overFiveMinutes);
		await Promise.all(tabs.map(comeBackTo));

		expect((await Promise.all(answers)).map((answer) => answer.status())).toEqual([200, 200]);
		expect(renewals).toEqual(['POST']);
		for (const tab of tabs) await expectSignedIn(tab, person.username);
	});

	test('a tab opened beside another one takes over its token', async ({ context, page, people }) => {
		const person = await people.create();
		await openAs(page, person);
		let renewals = 0;
		context.on('request', (request) => (renewals += Number(request.url().endsWith('/auth/v1/refresh'))));

		const other = await context.newPage();
		await other.goto('/');
		await expectSignedIn(other, person.username);

		expect(renewals).toBe(0);
	});

	for (const [fault, description] of [
		['unavailable', 'the issuer answers 503'],
		['unreachable', 'the network is gone']
	] as const)
		test(`the session survives that ${description}`, async ({ context, page, people, watch }) => {
			watch.expect(/status of 503 .*\/auth\/v1\/refresh$/, /ERR_INTERNET_DISCONNECTED/);
			const person = await people.create();
			await context.clock.install();
			await openAs(page, person);
			if (fault === 'unavailable')
				await page.route('**/auth/v1/refresh', (route) =>
					route.fulfill({
						status: 503,
						contentType: 'application/problem+json',
						headers: { 'Retry-After': '1' },
						json: {
							type: 'about:blank',
							title: 'Service unavailable',
							status: 503,
							detail: 'Not now.',
							code: 'unavailable'
						}
					})
				);
			else await context.setOffline(true);

			await context.clock.fastForward(overFiveMinutes);
			await comeBackTo(page);

			await expect(page.getByRole('status').filter({ hasText: banner })).toBeVisible();
			await expectSignedIn(page, person.username);
			await expect(page).toHaveURL('/');

			await page.unrouteAll();
			await context.setOffline(false);
			await page.getByRole('button', { name: 'Try again' }).click();

			await expect(page.getByText(banner)).toBeHidden();
			await expect(page.getByRole('alert')).toHaveCount(0);
			await page.reload();
			await expectSignedIn(page, person.username);
		});

	test('the navigation stays in the document, and the way back works @phone', async ({ page, admin }) => {
		await openAs(page, admin);

		await navigateSPA(page, 'Users');
		await expect(page).toHaveTitle('Users · Paseport');
		await navigateSPA(page, 'Dashboard');
		await page.goBack();

		await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		await page.goForward();
		await expect(page.getByRole('heading', { level: 1, name: 'Dashboard' })).toBeVisible();
	});

	test('the dashboard shows figures of now: those it was opened with, or else new ones', async ({
		page,
		admin
	}) => {
		let asked = 0;
		page.on('request', (request) => (asked += Number(request.url().endsWith('/api/dashboard'))));
		await openAs(page, admin, '/');
		await expectSignedIn(page, admin.username);
		expect(asked, 'who it is and the figures come in one answer').toBe(1);

		await openAs(page, admin, '/users');
		await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		asked = 0;
		await navigateSPA(page, 'Dashboard');
		await expectSignedIn(page, admin.username);

		expect(asked, 'what was answered for another page is old').toBe(1);
	});

	test('on a phone the navigation and the account menu make way for each other @phone', async ({
		page,
		admin,
		isMobile
	}) => {
		await openAs(page, admin);
		if (!isMobile) await page.setViewportSize({ width: 390, height: 844 });
		const accountMenu = page.getByRole('menu', { name: 'Account' });

		await openMenu(page);
		await expect(navigation(page)).toBeVisible();
		await accountButton(page).click();
		await expect(accountMenu).toBeVisible();
		await expect(navigation(page)).toBeHidden();
		await openMenu(page);
		await expect(navigation(page)).toBeVisible();
		await expect(accountMenu).toBeHidden();

		await accountButton(page).press('Enter');
		await expect(accountMenu).toBeVisible();
		await expect(navigation(page)).toBeHidden();
		await page.keyboard.press('Escape');
		await expect(accountMenu).toBeHidden();
		await expect(accountButton(page)).toBeFocused();
	});

	test('the chosen theme stays, and is all that the app remembers in the browser', async ({
		page,
		people
	}) => {
		await openAs(page, await people.create());
		const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
		const light = await background();

		await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
		expect(await background()).not.toBe(light);
		await page.reload();
		await expect(accountButton(page)).toBeVisible();

		expect(await background()).not.toBe(light);
		expect(await page.evaluate(() => Object.entries(localStorage))).toEqual([['paseport.theme', 'dark']]);
	});

	test('a page that does not exist says so and offers the way on', async ({ page, people }) => {
		await openAs(page, await people.create());

		await page.goto('/no-such-page');
		await expect(page.getByRole('heading', { level: 1, name: 'This page does not exist' })).toBeVisible();
		await page.getByRole('link', { name: 'To the start page' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Dashboard' })).toBeVisible();
		await expect(loginForm(page)).toBeHidden();
	});
});
