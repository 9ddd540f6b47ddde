import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/accessibility';
import { expectNoTokens } from '../../support/leaks';
import { expectSignedIn, fillLogin, loginForm, openAs } from '../../support/app';
import { Application } from '../../support/application';
import { expect, test } from '../../support/journey';
import { withoutCookies } from '../../support/without-cookies';

test.describe('A · Signing in to another application', () => {
	const asks = (page: Page, name: string) =>
		page.getByRole('heading', { level: 1, name: `${name} asks for access` });
	const allow = (page: Page) => page.getByRole('button', { name: 'Allow' });

	test('somebody signs in, allows what it asks for, and comes back to it with a code @phone', async ({
		page,
		people,
		application
	}) => {
		const person = await people.create();

		await page.goto(application.request({ scope: 'openid profile email offline_access' }));
		await expect(
			page.getByRole('heading', { level: 1, name: `Sign in to continue to ${application.name}` })
		).toBeVisible();
		await fillLogin(page, person.username, person.password);

		await expect(asks(page, application.name)).toBeVisible();
		await expect(page).toHaveTitle('Allow access · Paseport');
		await expect(page.getByText('You go on to an app on this device.')).toBeVisible();
		await expect(page.getByText(`Signed in as ${person.username}`)).toBeVisible();
		await expect(page.getByRole('list').getByRole('listitem')).toHaveText([
			'Know who you are',
			'See your name and your user name',
			'See your e-mail address',
			'Keep access while you are away'
		]);
		await expectNoTokens(page);
		await allow(page).click();

		const tokens = await application.redeem(page, await application.answer(page));
		expect(tokens.scope.split(' ').sort()).toEqual(['email', 'offline_access', 'openid', 'profile']);
	});

	test('what was allowed once is not asked again, and more than that is', async ({ page, people, api }) => {
		await using application = await Application.start(api, { host: 'weather.example.test' });
		const back = /^https:\/\/weather\.example\.test\/callback\?code=/;
		await openAs(page, await people.create());
		// What leads to the other host is looked at and not followed.
		const ways: (string | undefined)[] = [];
		await page.route('**/oauth2/authorize/continue?*', async (route) => {
			const response = await route.fetch({ maxRedirects: 0 });
			ways.push(response.headers()['location']);
			await route.fulfill({ status: 204 });
		});
		await page.goto(application.request());
		await expect(page.getByText('You go on to weather.example.test.')).toBeVisible();
		await allow(page).click();
		await expect.poll(() => ways).toEqual([expect.stringMatching(back)]);

		const next = await page.request.get(application.request(), { maxRedirects: 0 });
		expect(next.headers()['location']).toMatch(back);

		await page.goto(application.request({ scope: 'openid roles' }));
		await expect(page.getByRole('listitem').filter({ hasText: 'See your roles' })).toBeVisible();
	});

	test('for an app on this device somebody is asked each time, since any program could pose as it', async ({
		page,
		people,
		application
	}) => {
		await openAs(page, await people.create());
		for (let time = 0; time < 2; time += 1) {
			await page.goto(application.request());
			await allow(page).click();
			expect((await application.answer(page)).get('code')).toBeTruthy();
		}
	});

	test('an app that opens beside the browser leaves a page that says so, and can be opened once more @phone', async ({
		page,
		people,
		api,
		watch
	}) => {
		// No such app is installed here, and a program presses the link: the browser says both.
		watch.expect(/^(?:Failed|Not allowed) to launch 'org\.example\.weather:/);
		await using application = await Application.start(api, { scheme: 'org.example.weather' });
		const wayBack = async () => {
			const response = await page.waitForResponse('**/oauth2/authorize/continue?*');
			return response.headers()['location'];
		};
		await openAs(page, await people.create());
		await page.goto(application.request());
		await expect(page.getByText('You go on to an app on this device.')).toBeVisible();

		const first = wayBack();
		await allow(page).click();
		expect(await first).toMatch(/^org\.example\.weather:\/callback\?code=/);
		await expect(
			page.getByRole('heading', { level: 1, name: `Go back to ${application.name}` })
		).toBeFocused();
		await expect(page).toHaveTitle(`Back to ${application.name} · Paseport`);
		await expect(page.getByText('You may close this window')).toBeVisible();
		await expectAccessible(page, 'the page that an app leaves');
		await expectNoTokens(page);

		const second = wayBack();
		// Not with the pointer: the browser may be asking about the first time, and then nothing else is pressed.
		await page.getByRole('link', { name: 'Try again' }).dispatchEvent('click');
		expect(await second).toMatch(/^org\.example\.weather:\/callback\?code=/);
		expect(await second).not.toBe(await first);
	});

	test('somebody denies, and the application is told so', async ({ page, people, application }) => {
		await openAs(page, await people.create());
		await page.goto(application.request());

		await page.getByRole('button', { name: 'Deny' }).click();

		const answer = await application.answer(page);
		expect(answer.get('error')).toBe('access_denied');
		expect(answer.get('code')).toBeNull();
	});

	test('neither form is left in the history', async ({ page, people, application }) => {
		const person = await people.create();
		await page.goto(application.origin);
		await page.goto(application.request());
		await fillLogin(page, person.username, person.password);
		await allow(page).click();
		await application.answer(page);

		await page.goBack();

		await expect(page).toHaveURL(`${application.origin}/`);
	});

	test('the keyboard decides, and no key that was meant for the page before', async ({
		page,
		people,
		application
	}) => {
		await openAs(page, await people.create());
		await page.goto(application.request());
		await expect(allow(page)).toBeVisible();

		await page.keyboard.press('Enter');
		await page.keyboard.press('Space');
		await expect(allow(page)).toBeEnabled();
		expect(page.url()).toContain('/consent?transaction=');

		await page.keyboard.press('Tab');
		await expect(page.getByRole('radio', { name: 'System' })).toBeFocused();
		await page.keyboard.press('Tab');
		await expect(page.getByRole('link', { name: 'Use another account' })).toBeFocused();
		await page.keyboard.press('Tab');
		await expect(allow(page)).toBeFocused();
		await page.keyboard.press('Tab');
		await expect(page.getByRole('button', { name: 'Deny' })).toBeFocused();
		await page.keyboard.press('Enter');

		expect((await application.answer(page)).get('error')).toBe('access_denied');
	});

	test('another account can be used instead, and is the one that is asked', async ({
		page,
		people,
		application,
		watch
	}) => {
		// The app finds the cookie of a session that has ended, and goes through the sign-in without being asked anything.
		watch.expect(/status of 400 .*\/auth\/v1\/refresh$/);
		const [former, next] = [await people.create(), await people.create()];
		await openAs(page, former);
		await page.goto(application.request());
		await expect(page.getByText(`Signed in as ${former.username}`)).toBeVisible();

		await page.getByRole('link', { name: 'Use another account' }).click();
		await fillLogin(page, next.username, next.password);

		await expect(page.getByText(`Signed in as ${next.username}`)).toBeVisible();
		await page.goto('/');
		await expectSignedIn(page, next.username);
	});

	test('a tab of the app shows nothing of the person before once another one signs in to an application', async ({
		context,
		page,
		people,
		application,
		watch
	}) => {
		watch.expect(/status of 400 .*\/auth\/v1\/refresh$/, /status of 401 .*\/api\/dashboard$/);
		const [former, next] = [await people.create(), await people.create()];
		await openAs(page, former);
		await expectSignedIn(page, former.username);
		const other = await context.newPage();
		await other.goto(application.request({ prompt: 'login' }));
		await fillLogin(other, next.username, next.password);
		await expect(asks(other, application.name)).toBeVisible();

		await page.bringToFront();
		await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

		await expectSignedIn(page, next.username);
		await expect(page.getByText(former.username)).toHaveCount(0);
	});

	test('who is expected to sign in is suggested', async ({ page, people, application }) => {
		const person = await people.create();
		await page.goto(application.request({ login_hint: person.email }));

		const username = page.getByLabel('User name or e-mail');
		await expect(username).toHaveValue(person.email);
		await page.getByLabel('Password', { exact: true }).fill(person.password);
		await page.getByRole('button', { name: 'Sign in' }).click();

		await expect(page.getByText(`Signed in as ${person.username}`)).toBeVisible();
	});

	test('a name that is markup is shown as it is (BF-14)', async ({ page, people, api, watch }) => {
		const name = '<img src=x onerror=alert(1)>';
		await using application = await Application.start(api, { name });
		watch.allowOrigin(application.origin);

		await page.goto(application.request());
		await expect(
			page.getByRole('heading', { level: 1, name: `Sign in to continue to ${name}` })
		).toBeVisible();
		const person = await people.create();
		await fillLogin(page, person.username, person.password);

		await expect(asks(page, name)).toBeVisible();
		await expect(page.locator('img')).toHaveCount(0);
	});

	test('a decision that did not arrive can be made again', async ({ page, people, application, watch }) => {
		watch.expect(/status of 503 .*\/consent$/);
		await openAs(page, await people.create());
		await page.goto(application.request());
		await page.route('**/auth/v1/transactions/*/consent', (route) =>
			route.fulfill({ status: 503, contentType: 'application/problem+json', json: { code: 'unavailable' } })
		);
		await allow(page).click();
		await expect(page.getByRole('alert')).toHaveText('The service is not available right now.');

		await page.unrouteAll();
		await allow(page).click();

		expect((await application.answer(page)).get('code')).toBeTruthy();
	});

	test('whoever was signed out meanwhile signs in first', async ({
		context,
		page,
		people,
		application,
		watch
	}) => {
		watch.expect(/status of 401 .*\/consent$/);
		const person = await people.create();
		await openAs(page, person);
		await page.goto(application.request());
		await expect(allow(page)).toBeVisible();
		const { name } = (await context.cookies()).find((cookie) => cookie.name.endsWith('session')) ?? {};
		await context.clearCookies({ name: name ?? '' });

		await allow(page).click();
		await fillLogin(page, person.username, person.password);

		await expect(asks(page, application.name)).toBeVisible();
	});

	test('a sign-in that is over, or of another browser, says so calmly and offers a new one (AZ-20)', async ({
		page,
		people,
		application,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 404 .*\/auth\/v1\/transactions\//);
		await page.goto(application.request());
		await expect(page.getByLabel('User name or e-mail')).toBeVisible();
		const address = page.url();

		const elsewhere = await newDevice();
		for (const path of [address, address.replace('/login', '/consent'), '/consent', '/login?transaction=']) {
			await elsewhere.goto(path);
			const heading = elsewhere.getByRole('heading', { level: 1, name: 'This sign-in is over' });
			await expect(heading, path).toBeFocused();
			await expect(elsewhere).toHaveTitle('This sign-in is over · Paseport');
		}
		await elsewhere.getByRole('button', { name: 'Sign in to Paseport' }).click();
		const person = await people.create();
		await fillLogin(elsewhere, person.username, person.password);

		await expectSignedIn(elsewhere, person.username);
	});

	test('a form that was left open until its transaction ended says so when it is sent, or seen again', async ({
		context,
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 404 .*\/auth\/v1\/(?:transactions\/|login\/local)/);
		const person = await people.create();
		await page.goto('/login');
		await expect(loginForm(page)).toBeVisible();
		await page.getByLabel('User name or e-mail').fill(person.username);
		// The server forgets a transaction after half an hour; a browser that forgets its secret is told the same.
		await context.clearCookies();

		await fillLogin(page, person.username, person.password);
		await expect(page.getByRole('heading', { level: 1, name: 'This sign-in is over' })).toBeFocused();

		await page.goto('/login');
		await expect(page.getByLabel('User name or e-mail')).toBeVisible();
		await context.clearCookies();
		await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
		await expect(page.getByRole('heading', { level: 1, name: 'This sign-in is over' })).toBeVisible();
	});

	test('a browser without cookies is told what to do, and never goes round in circles', async ({
		launchOptions,
		watch
	}) => {
		watch.expect(/status of 404 .*\/auth\/v1\/transactions\//);
		await using browser = await withoutCookies(launchOptions);
		watch.over(browser.context);
		const page = await browser.context.newPage();

		await page.goto('/users');
		await expect(page.getByRole('heading', { level: 1, name: 'This sign-in is over' })).toBeVisible();

		await page.getByRole('button', { name: 'Sign in to Paseport' }).click();
		await expect(
			page.getByRole('heading', { level: 1, name: 'Your browser does not keep cookies' })
		).toBeVisible();

		await page.goto('/signed-in?next=/users');
		await expect(page.getByRole('heading', { level: 1, name: 'You are not signed in' })).toBeVisible();
	});
});
