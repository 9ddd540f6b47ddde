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
		await expect(device.getByText('Your new password is set. Sign in with it.')).toBeVisible();
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

	test('a click that leaves a mistaken role does what it was for @phone', async ({
		page,
		admin,
		isMobile
	}) => {
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		const roles = dialog.getByLabel('Roles');
		const setItNow = dialog.getByRole('radio', { name: /Set it now/ });
		await roles.fill('not a-role!');
		await expect(roles).toBeFocused();

		// The pointer stays where it is, as a hand does; the message must not move the choice away below it.
		await setItNow.scrollIntoViewIfNeeded();
		const box = await setItNow.boundingBox();
		if (box === null) throw new Error('the choice is not shown');
		const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
		if (isMobile) await page.touchscreen.tap(x, y);
		else await page.mouse.click(x, y, { delay: 100 });

		await expect(setItNow).toBeChecked();
		await expect(dialog.getByRole('button', { name: 'Remove role not' })).toBeVisible();
		await expect(roles).toHaveAccessibleDescription(/has only letters, digits/);
		await expect(roles).toHaveValue('a-role!');
	});

	test('the buttons of the dialog stay in sight, and cover no field that has the focus @phone', async ({
		page,
		admin
	}) => {
		await openAs(page, admin, '/users');
		const dialog = await openDialog(page);
		const create = dialog.getByRole('button', { name: 'Create user' });
		await dialog.getByRole('radio', { name: /Set it now/ }).check();
		await create.click();
		await expect(dialog.getByLabel('User name')).toBeFocused();
		await expect(create).toBeInViewport({ ratio: 1 });

		const password = dialog.getByLabel('Password', { exact: true });
		await password.focus();
		await expect(password).toBeInViewport({ ratio: 1 });
		const [above, below] = [await password.boundingBox(), await create.boundingBox()];
		expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThanOrEqual(below?.y ?? 0);
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
