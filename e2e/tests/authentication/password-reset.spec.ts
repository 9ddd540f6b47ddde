import { accountButton, loginAs, loginForm, openAs, expectSignedIn } from '../../support/app';
import { expect, test } from '../../support/journey';
import { expectNoTokens } from '../../support/leaks';
import { newPassword } from '../../support/people';

test.describe('A · A one-time link for a new password', () => {
	test('an admin makes it, the user redeems it once, and it leaves no trace in the address', async ({
		page,
		admin,
		people,
		newDevice,
		watch
	}) => {
		watch.expect(
			/status of 400 .*\/auth\/v1\/(?:password\/reset|refresh)$/,
			/status of 401 .*\/api\/dashboard$/
		);
		const person = await people.create();
		const signedInBefore = await newDevice();
		await openAs(signedInBefore, person);

		await openAs(page, admin, `/users/${person.id}`);
		await page.getByRole('button', { name: 'Make one-time link' }).click();
		const dialog = page.getByRole('dialog', { name: `Let ${person.username} set a password` });
		const link = await dialog.getByLabel('One-time link').inputValue();
		expect(link).toMatch(/\/reset-password#token=prr_/);
		await dialog.getByRole('button', { name: 'Done' }).click();
		await expect(dialog).toBeHidden();
		await expectNoTokens(page, [link]);

		const device = await newDevice();
		const token = new URL(link).hash.replace('#token=', '');
		const addresses: string[] = [];
		device.on('request', (request) => addresses.push(request.url(), request.headers()['referer'] ?? ''));
		await device.goto(link);
		await expect(device).toHaveURL('/reset-password');
		await expectNoTokens(device, [token]);

		const password = newPassword();
		const field = device.getByLabel('New password', { exact: true });
		await field.fill('too short');
		await device.getByRole('button', { name: 'Set password' }).click();
		await expect(field).toBeFocused();
		await expect(field).toHaveAccessibleDescription(/Use at least 15 characters/);
		await field.fill(password);
		await device.getByRole('button', { name: 'Set password' }).click();
		await expect(device.getByText('Your new password is set. Sign in with it.')).toBeVisible();
		await loginAs(device, { ...person, password });
		await expectSignedIn(device, person.username);
		expect(addresses.filter((address) => address.includes(token))).toEqual([]);

		// Who was signed in before is no longer (LG-22). In a tab of its own: the other one may notice at any moment.
		const tab = await signedInBefore.context().newPage();
		await tab.goto('/');
		await expect(loginForm(tab)).toBeVisible();

		const again = await newDevice();
		await again.goto(link);
		await again.getByLabel('New password', { exact: true }).fill(newPassword());
		await again.getByRole('button', { name: 'Set password' }).click();
		await expect(again.getByRole('alert')).toContainText('This link is no longer valid.');
		await again.goto('/login');
		await loginAs(again, { ...person, password });
	});

	test('a new link voids the one before', async ({ page, admin, people, newDevice, watch }) => {
		watch.expect(/status of 400 .*\/auth\/v1\/password\/reset$/);
		const person = await people.create({ password: false });
		await openAs(page, admin, `/users/${person.id}`);
		const links: string[] = [];
		for (let made = 0; made < 2; made += 1) {
			await page.getByRole('button', { name: 'Make one-time link' }).click();
			links.push(await page.getByLabel('One-time link').inputValue());
			await page.keyboard.press('Escape');
			await expect(page.getByRole('dialog')).toBeHidden();
		}
		expect(links[0]).not.toBe(links[1]);

		const device = await newDevice();
		await device.goto(links[0] ?? '');
		await device.getByLabel('New password', { exact: true }).fill(newPassword());
		await device.getByRole('button', { name: 'Set password' }).click();

		await expect(device.getByRole('alert')).toContainText('This link is no longer valid.');
	});

	test('a link without its token says so', async ({ page }) => {
		await page.goto('/reset-password');

		await expect(page.getByRole('alert')).toContainText('This link is not complete');
		await page.getByRole('link', { name: 'To the sign-in' }).click();
		await expect(loginForm(page)).toBeVisible();
		await expect(accountButton(page)).toBeHidden();
	});
});
