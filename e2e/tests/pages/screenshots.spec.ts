import type { NewUser } from '../../support/api';
import { accountButton, fillLogin, openAs, openMenu, rows, searchBox } from '../../support/app';
import { expect, test } from '../../support/journey';
import { newPassword } from '../../support/people';
import { compare } from '../../support/pictures';
import { pin } from '../../support/pinned';

// The users of the pictures, by what they are there to show.
const password = newPassword();
const gallery: readonly (NewUser & { readonly disabled?: boolean })[] = [
	{
		username: 'operations',
		email: 'operations@example.com',
		roles: ['Admin', 'User'],
		display_name: 'Operations',
		password
	},
	{
		username: 'build-agent',
		email: 'build-agent@example.com',
		roles: ['Deploy.write'],
		display_name: 'Build agent'
	},
	{
		username: 'front.desk',
		email: 'front.desk@example.com',
		roles: ['User'],
		display_name: 'Front desk',
		password
	},
	{
		username: 'on-call',
		email: 'on-call@example.com',
		roles: ['Billing.read', 'Deploy.write', 'Incidents', 'Reports', 'User'],
		display_name: 'On call',
		password
	},
	{
		username: 'former-contractor-with-a-rather-long-user-name',
		email: 'former-contractor-with-a-rather-long-address@subsidiary.example.com',
		roles: [],
		password,
		disabled: true
	}
];
const person = (username: string) => ({ username, email: '', password });

test.describe('Pictures @phone', () => {
	test.beforeAll(async ({ api }) => {
		for (const { disabled = false, ...user } of gallery) {
			const old = await api.find(user.username);
			if (old) await api.remove(old.id);
			const { id } = await api.createUser(user);
			if (disabled) await api.change(id, { disabled });
		}
	});
	test.afterAll(async ({ api }) => {
		for (const { username } of gallery) {
			const user = await api.find(username);
			if (user) await api.remove(user.id);
		}
	});
	test.beforeEach(async ({ page }) => {
		await pin(
			page,
			gallery.map(({ username }) => username)
		);
	});

	test('the sign-in', async ({ page }) => {
		await page.goto('/login');
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();

		await compare(page, 'login');
	});

	test('the way to another application', async ({ page, application }) => {
		await page.goto(application.request({ login_hint: 'operations' }));
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
		await compare(page, 'login-application');

		await fillLogin(page, 'operations', password);
		await expect(page.getByRole('button', { name: 'Allow' })).toBeVisible();
		await compare(page, 'consent');
	});

	test('a sign-in that is over', async ({ page, watch }) => {
		watch.expect(/status of 404 .*\/auth\/v1\/transactions\//);
		await page.goto('/login?transaction=0000000000000000000000');
		await expect(page.getByRole('button', { name: 'Sign in to Paseport' })).toBeVisible();

		await compare(page, 'login-over');
	});

	test('the way out at the wish of another application', async ({ page }) => {
		await page.goto('/sign-out');
		await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
		await compare(page, 'sign-out');

		await page.goto('/signed-out');
		await expect(page.getByRole('link', { name: 'Sign in again' })).toBeVisible();
		await compare(page, 'signed-out');
	});

	test('the dashboard of an admin', async ({ page }) => {
		await openAs(page, person('operations'));
		await expect(page.getByRole('article', { name: 'API' })).toBeVisible();

		await compare(page, 'dashboard-admin');
	});

	test('the dashboard of a user', async ({ page }) => {
		await openAs(page, person('front.desk'));
		await expect(page.getByRole('article', { name: 'API' })).toBeVisible();

		await compare(page, 'dashboard-user');
	});

	test('the account menu, and on a phone the navigation', async ({ page, isMobile }) => {
		await openAs(page, person('operations'));
		await expect(page.getByRole('article', { name: 'API' })).toBeVisible();
		await accountButton(page).click();
		await expect(page.getByRole('menu')).toBeVisible();

		await compare(page, 'account-menu', { fullPage: false });

		// A wide window shows it on every picture.
		if (!isMobile) return;
		await page.keyboard.press('Escape');
		await openMenu(page);
		await compare(page, 'navigation', { fullPage: false });
	});

	test('the users', async ({ page }) => {
		await openAs(page, person('operations'), '/users');
		await expect(rows(page)).toHaveCount(gallery.length);

		await compare(page, 'users');
	});

	test('a search that finds nobody', async ({ page }) => {
		await openAs(page, person('operations'), '/users');
		await searchBox(page).fill('nobody of this name');
		await expect(page.getByText('No user matches')).toBeVisible();
		await searchBox(page).blur();

		await compare(page, 'users-empty');
	});

	test('one user', async ({ page, api }) => {
		const user = await api.find('on-call');
		await openAs(page, person('operations'), `/users/${user?.id}`);
		await expect(page.getByRole('heading', { level: 1, name: 'on-call' })).toBeVisible();

		await compare(page, 'user');
	});

	test('a new user, with mistakes', async ({ page }) => {
		await openAs(page, person('operations'), '/users');
		await expect(rows(page)).toHaveCount(gallery.length);
		await page.getByRole('button', { name: 'New user' }).click();
		const dialog = page.getByRole('dialog', { name: 'New user' });
		await dialog.getByLabel('User name').fill('new@user');
		await dialog.getByRole('button', { name: 'Create user' }).click();
		await expect(dialog.getByLabel('User name')).toBeFocused();

		await compare(page, 'new-user', { fullPage: false });
	});
});
