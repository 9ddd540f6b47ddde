import { expectAccessibleInBothThemes } from '../../support/accessibility';
import { accountButton, fillLogin, names, openAs, openMenu, rows, searchBox } from '../../support/app';
import { expect, test } from '../../support/journey';
import { newPassword, unique } from '../../support/people';

test.describe('Nobody is kept out @phone', () => {
	test('the pages before the sign-in', async ({ page, watch }) => {
		watch.expect(/status of 401 .*\/auth\/v1\/login\/local$/, /status of 404 .*\/auth\/v1\/transactions\//);
		await page.goto('/login');
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-in');
		await page.getByRole('button', { name: 'Sign in' }).click();
		await expectAccessibleInBothThemes(page, 'sign-in with an empty field');
		await fillLogin(page, `nobody-${unique()}`, newPassword());
		await expect(page.getByRole('alert')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'refused sign-in');
		await page.goto('/login?reason=expired');
		await expect(page.getByText('Your session has ended.')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-in after the end of a session');
		await page.goto('/sign-out');
		await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-out at the wish of an application');
		await page.goto('/signed-out');
		await expect(page.getByRole('link', { name: 'Sign in again' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'signed out');
		await page.goto('/signed-in');
		await expect(page.getByRole('heading', { level: 1, name: 'You are not signed in' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-in that did not stay');
		await page.goto('/login?transaction=0000000000000000000000');
		await expect(page.getByRole('heading', { level: 1, name: 'This sign-in is over' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-in that is over');
		await page.goto('/reset-password');
		await expect(page.getByRole('alert')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'incomplete one-time link');
		await page.goto('/reset-password#token=anything');
		await expect(page.getByRole('button', { name: 'Set password' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'new password');
	});

	test('the pages on the way to another application', async ({ page, people, application, watch }) => {
		watch.expect(/status of 503 .*\/consent$/);
		const person = await people.create();
		await page.goto(application.request({ login_hint: person.username, scope: 'openid email roles' }));
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sign-in for an application');
		await fillLogin(page, person.username, person.password);
		await expect(page.getByRole('button', { name: 'Allow' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'consent');
		await page.route('**/consent', (route) => route.fulfill({ status: 503, json: {} }));
		await page.getByRole('button', { name: 'Deny' }).click();
		await expect(page.getByRole('alert')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'consent that did not arrive');
	});

	test('the pages of a user', async ({ page, people, watch }) => {
		watch.expect(/status of 503 .*\/api\/dashboard$/);
		await openAs(page, await people.create());
		await expect(page.getByRole('article', { name: 'API' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'dashboard of a user');
		await page.getByText('Token details').click();
		await openMenu(page);
		await accountButton(page).click();
		await expectAccessibleInBothThemes(page, 'dashboard with everything open');
		await page.goto('/users');
		await expect(page.getByRole('heading', { level: 1, name: 'You may not open this page' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'forbidden page');
		await page.goto('/no-such-page');
		await expect(page.getByRole('heading', { level: 1, name: 'This page does not exist' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'page that does not exist');
		await page.route('**/api/dashboard', (route) => route.fulfill({ status: 503, json: {} }));
		await page.goto('/');
		await expect(
			page.getByRole('heading', { level: 1, name: 'Paseport does not answer right now' })
		).toBeVisible();
		await expectAccessibleInBothThemes(page, 'page of an outage');
	});

	test('the pages of an admin', async ({ page, admin, people, api, watch }) => {
		watch.expect(/status of 503 .*\/users\/v1\?/, /status of 412 .*\/users\/v1\//);
		const person = await people.create({
			roles: ['User', 'Billing.read'],
			displayName: 'Somebody',
			password: false
		});
		await openAs(page, admin);
		await expect(page.getByRole('article', { name: 'API' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'dashboard of an admin');
		await page.goto('/users');
		await expect(names(page).filter({ hasText: person.username })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'users');
		await page.getByRole('button', { name: 'New user' }).click();
		await page.getByRole('radio', { name: /Set it now/ }).check();
		await page.getByRole('button', { name: 'Create user' }).click();
		await expect(page.getByLabel('User name')).toBeFocused();
		await expectAccessibleInBothThemes(page, 'new user with mistakes');
		await page.keyboard.press('Escape');
		await searchBox(page).fill(unique());
		await expect(page.getByText('No user matches')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'search that finds nobody');
		await page.route('**/users/v1?*', (route) => route.fulfill({ status: 503, json: {} }));
		await page.reload();
		await expect(page.getByRole('alert')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'users that could not be loaded');
		await page.unrouteAll();

		await page.goto(`/users/${person.id}`);
		await expect(page.getByRole('heading', { level: 1, name: person.username })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'one user');
		await page.getByRole('button', { name: 'Make one-time link' }).click();
		await expect(page.getByLabel('One-time link')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'one-time link');
		await page.keyboard.press('Escape');
		await page.getByRole('button', { name: 'Delete user' }).click();
		await page.getByRole('dialog').getByRole('button', { name: 'Delete user' }).click();
		await expectAccessibleInBothThemes(page, 'deletion');
		await page.keyboard.press('Escape');
		await api.change(person.id, { disabled: true });
		await page.getByLabel('Display name').fill('Overtaken');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('alert')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'overtaken change');
		await page.getByRole('button', { name: 'Load the current version' }).click();
		await expect(page.getByText('Disabled').first()).toBeVisible();
		await expectAccessibleInBothThemes(page, 'disabled user');
		await page.goto('/users?status=disabled');
		await expect(rows(page).first()).toBeVisible();
		await expectAccessibleInBothThemes(page, 'disabled users');
	});

	test('nothing of a page is cut off or moves it sideways', async ({ page, admin, people }) => {
		const person = await people.create({
			name: 'a-name-that-is-as-long-as-names-may-be-in-this-list',
			displayName: 'Wide'.repeat(16),
			roles: ['Administration-of-everything-there-is-in-this-company', 'User', 'Billing.read', 'Reports'],
			password: false
		});
		await openAs(page, admin);
		for (const path of [
			'/',
			'/account',
			'/users',
			`/users?search=${person.username}`,
			`/users/${person.id}`,
			'/providers',
			'/providers/new',
			'/providers/new?kind=oauth2'
		]) {
			await page.goto(path);
			await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
			if (path.includes('search')) await expect(rows(page)).toHaveCount(1);
			if (path.endsWith(person.id)) await expect(page.getByLabel('User name')).toBeVisible();
			const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
			expect(width[0], `${path} is no wider than the window`).toBeLessThanOrEqual(width[1] ?? 0);
		}
	});
});
