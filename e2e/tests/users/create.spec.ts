import type { Locator, Page } from '@playwright/test';
import { loginAs, names, openAs, searchBox, expectSignedIn } from '../../support/app';
import { expect, test } from '../../support/journey';
import { newPassword, unique } from '../../support/people';

test.describe('C · Creating users', () => {
	async function openDialog(page: Page): Promise<Locator> {
		await page.getByRole('button', { name: 'New user' }).click();
		const dialog = page.getByRole('dialog', { name: 'New user' });
		await expect(dialog).toBeVisible();
		return dialog;
	}

	test('a new user gets a one-time link, sets a password and signs in @phone', async ({
		page,
		admin,
		people,
		newDevice
	}) => {
		const username = `new-${unique()}`;
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		await dialog.getByLabel('User name').fill(username);
		await dialog.getByLabel('E-mail').fill(`${username}@example.test`);
		await dialog.getByLabel('Display name').fill('Somebody new');
		await dialog.getByRole('button', { name: 'Create user' }).click();

		const done = page.getByRole('dialog', { name: `${username} is created` });
		const link = await done.getByLabel('One-time link').inputValue();
		await people.adopt(username);
		await done.getByRole('button', { name: 'Done' }).click();
		await expect(page.getByRole('status').filter({ hasText: `${username} is created.` })).toBeVisible();
		await searchBox(page).fill(username);
		await expect(names(page)).toHaveText([username]);

		const device = await newDevice();
		const password = newPassword();
		await device.goto(link);
		await device.getByLabel('New password', { exact: true }).fill(password);
		await device.getByRole('button', { name: 'Set password' }).click();
		await expect(device).toHaveURL('/login?reason=password-set');
		await loginAs(device, { username, email: '', password });
		await expectSignedIn(device, username);
	});

	test('a password can be set at once, and a role of ones own given', async ({
		page,
		admin,
		people,
		api,
		newDevice
	}) => {
		const username = `new-${unique()}`;
		const password = newPassword();
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		await dialog.getByLabel('User name').fill(username);
		await dialog.getByLabel('E-mail').fill(`${username}@example.test`);
		await dialog.getByRole('radio', { name: /Set it now/ }).check();
		await dialog.getByLabel('Password', { exact: true }).fill(password);
		await dialog.getByLabel('Roles').pressSequentially('Billing.read,');
		await expect(dialog.getByRole('button', { name: 'Remove role Billing.read' })).toBeVisible();
		await dialog.getByLabel('Roles').fill('not a-role! ');
		await dialog.getByRole('button', { name: 'Create user' }).click();
		await expect(dialog.getByLabel('Roles')).toBeFocused();
		await expect(dialog.getByLabel('Roles')).toHaveAccessibleDescription(/has only letters, digits/);
		await dialog.getByLabel('Roles').fill('');
		await dialog.getByRole('button', { name: 'Create user' }).click();
		await expect(dialog).toBeHidden();
		await people.adopt(username);

		const created = await api.find(username);
		expect(created?.roles).toContain('Billing.read');
		expect(created?.roles).toContain('User');
		expect(created?.display_name).toBeNull();
		await loginAs(await newDevice(), { username, email: '', password });
	});

	test('each mistake is named at its field, and the first one is where the cursor is', async ({
		page,
		admin
	}) => {
		let sent = 0;
		page.on(
			'request',
			(request) => (sent += Number(request.method() === 'POST' && request.url().endsWith('/users/v1')))
		);
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		const username = dialog.getByLabel('User name');
		const email = dialog.getByLabel('E-mail');
		const create = dialog.getByRole('button', { name: 'Create user' });

		await create.click();
		await expect(username).toBeFocused();
		await expect(username).toHaveAccessibleDescription(/Type a user name\./);
		await expect(email).toHaveAccessibleDescription(/Type an e-mail address\./);
		await expect(email).toHaveAttribute('aria-invalid', 'true');

		await username.fill('some@body');
		await email.fill('not an address');
		await create.click();
		await expect(username).toBeFocused();
		await expect(username).toHaveAccessibleDescription(/A user name has no @/);
		await expect(email).toHaveAccessibleDescription(/This is not an e-mail address\./);

		await username.fill('somebody');
		await email.fill('somebody@example.test');
		await dialog.getByRole('radio', { name: /Set it now/ }).check();
		await dialog.getByLabel('Password', { exact: true }).fill('somebody and more');
		await create.click();
		await expect(dialog.getByLabel('Password', { exact: true })).toBeFocused();
		await expect(dialog.getByLabel('Password', { exact: true })).toHaveAccessibleDescription(
			/must not contain the user name/
		);
		expect(sent).toBe(0);
	});

	test('a name or an address that is taken is named at its field (AD-09)', async ({
		page,
		admin,
		people,
		watch
	}) => {
		watch.expect(/status of 409 .*\/users\/v1$/);
		const taken = await people.create({ password: false });
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		const username = dialog.getByLabel('User name');
		const email = dialog.getByLabel('E-mail');

		await username.fill(taken.username.toUpperCase());
		await email.fill(`${unique()}@example.test`);
		await dialog.getByRole('button', { name: 'Create user' }).click();
		await expect(username).toBeFocused();
		await expect(username).toHaveAttribute('aria-invalid', 'true');
		await expect(username).toHaveAccessibleDescription(/Error:/);

		await username.fill(`other-${unique()}`);
		await email.fill(taken.email);
		await dialog.getByRole('button', { name: 'Create user' }).click();
		await expect(email).toBeFocused();
		await expect(email).toHaveAttribute('aria-invalid', 'true');
		await expect(username).not.toHaveAttribute('aria-invalid');
	});
});
