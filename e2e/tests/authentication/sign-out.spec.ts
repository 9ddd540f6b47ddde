import { listUsersWith } from '../../support/api';
import {
	accountButton,
	fillLogin,
	loginForm,
	navigateSPA,
	openAs,
	searchBox,
	signOut,
	tokenSentBy,
	expectSignedIn
} from '../../support/app';
import { cookieName } from '../../support/installation';
import { expect, test } from '../../support/journey';

test.describe('A · Signing out', () => {
	test('signing out here closes every tab of this browser and nothing else (BF-11) @phone', async ({
		context,
		page,
		people,
		newDevice
	}) => {
		const person = await people.create({ roles: ['Admin', 'User'] });
		await openAs(page, person);
		await navigateSPA(page, 'Users');
		const sameBrowser = await context.newPage();
		await sameBrowser.goto('/users');
		await expect(sameBrowser.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		const otherDevice = await newDevice();
		await openAs(otherDevice, person);

		await page.bringToFront();
		await signOut(page, 'Sign out');

		expect((await context.cookies()).map(({ name }) => name)).toEqual([cookieName('txn')]);
		await expect(loginForm(sameBrowser)).toBeVisible();
		await expect(sameBrowser.getByText('You are signed out.')).toBeVisible();
		await navigateSPA(otherDevice, 'Users');
		await otherDevice.reload();
		await expect(accountButton(otherDevice)).toBeVisible();

		// Neither the way back nor the address shows anything private.
		await page.goBack();
		await expect(loginForm(page)).toBeVisible();
		await expect(page.getByText(person.username)).toHaveCount(0);
		await page.goto('/users');
		await expect(loginForm(page)).toBeVisible();
	});

	test('the access token of the session is refused at once (BF-12)', async ({ page, people, request }) => {
		await openAs(page, await people.create({ roles: ['Admin', 'User'] }));
		const token = await tokenSentBy(page, () => navigateSPA(page, 'Users'));
		expect((await listUsersWith(request, token)).status()).toBe(200);

		await signOut(page, 'Sign out');

		const refused = await listUsersWith(request, token);
		expect(refused.status()).toBe(401);
		expect(refused.headers()['www-authenticate']).toContain('error="invalid_token"');
	});

	test('signing out everywhere ends the other devices at their next call', async ({
		page,
		people,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 401 .*\/users\/v1\?/, /status of 400 .*\/auth\/v1\/refresh$/);
		const person = await people.create({ roles: ['Admin', 'User'] });
		await openAs(page, person);
		const otherDevice = await newDevice();
		await openAs(otherDevice, person, '/users');
		await expect(otherDevice.getByRole('table', { name: 'Users' })).toBeVisible();

		await signOut(page, 'Sign out everywhere');

		const answered = otherDevice.waitForResponse('**/users/v1?*');
		await searchBox(otherDevice).fill('anybody');
		expect((await answered).status()).toBe(401);
		await expect(loginForm(otherDevice)).toBeVisible();
		await expect(otherDevice.getByText('Your session has ended. Sign in to go on.')).toBeVisible();
		await expect(otherDevice.getByText(person.username)).toHaveCount(0);
	});

	test('a sign-out that the server did not confirm says that the session is still open', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 503 .*\/auth\/v1\/logout$/);
		const person = await people.create();
		await openAs(page, person);
		await page.route('**/auth/v1/logout*', (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				json: {
					type: 'about:blank',
					title: 'Service unavailable',
					status: 503,
					detail: 'Not now.',
					code: 'unavailable'
				}
			})
		);

		await accountButton(page).click();
		await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
		const dialog = page.getByRole('dialog', { name: 'You are still signed in' });
		await expect(dialog.getByRole('alert')).toHaveText('The service is not available right now.');

		await page.unrouteAll();
		await dialog.getByRole('button', { name: 'Try again' }).click();
		await expect(loginForm(page)).toBeVisible();
	});

	test('tabs that were closed by a sign-out all go back to their pages after one sign-in', async ({
		context,
		page,
		people
	}) => {
		const person = await people.create({ roles: ['Admin', 'User'] });
		await openAs(page, person);
		const other = await context.newPage();
		await other.goto('/users?sort=-email');
		await expect(other.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		await signOut(page, 'Sign out');
		await expect(loginForm(other)).toBeVisible();

		await fillLogin(page, person.username, person.password);

		await expectSignedIn(page, person.username);
		await expect(other.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		await expect(other).toHaveURL('/users?sort=-email');
	});

	test('signing in as somebody else in one tab leaves nothing of the former person in another', async ({
		context,
		page,
		people
	}) => {
		const [former, next] = [await people.create(), await people.create()];
		const other = await context.newPage();
		await other.goto('/login');
		await expect(loginForm(other)).toBeVisible();
		await openAs(page, former);
		await expectSignedIn(page, former.username);

		await fillLogin(other, next.username, next.password);
		await expectSignedIn(other, next.username);

		await expectSignedIn(page, next.username);
		await expect(page.getByText(former.username)).toHaveCount(0);
	});
});
