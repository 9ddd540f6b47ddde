import { loginForm, comeBackTo, openAs, searchBox } from '../../support/app';
import { expect, test } from '../../support/journey';

test.describe('C · Deleting users', () => {
	test('a user is deleted once the name is typed, and the sessions end (AD-07)', async ({
		page,
		admin,
		people,
		newDevice,
		watch
	}) => {
		watch.expect(
			/status of 401 .*\/api\/dashboard$/,
			/status of 400 .*\/auth\/v1\/refresh$/,
			/status of 404 .*\/users\/v1\//
		);
		const person = await people.create();
		const device = await newDevice();
		await openAs(device, person);
		await openAs(page, admin, `/users/${person.id}`);

		const opener = page.getByRole('button', { name: 'Delete user' });
		await opener.click();
		const dialog = page.getByRole('dialog', { name: `Delete ${person.username}?` });
		const confirmation = dialog.getByLabel('Type the user name to confirm');
		await confirmation.fill('somebody-else');
		await dialog.getByRole('button', { name: 'Delete user' }).click();
		await expect(confirmation).toHaveAccessibleDescription(/This is not the user name\./);
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		await expect(dialog).toBeHidden();
		await expect(opener).toBeFocused();

		await opener.click();
		await expect(confirmation).toHaveValue('');
		await confirmation.fill(person.username);
		await dialog.getByRole('button', { name: 'Delete user' }).click();
		await expect(
			page.getByRole('status').filter({ hasText: `${person.username} is deleted.` })
		).toBeVisible();
		await expect(page).toHaveURL('/users');
		await searchBox(page).fill(person.username);
		await expect(page.getByText('No user matches')).toBeVisible();

		await comeBackTo(device);
		await expect(loginForm(device)).toBeVisible();
		await page.goto(`/users/${person.id}`);
		await expect(page.getByRole('heading', { level: 1, name: 'This user does not exist' })).toBeVisible();
	});

	test('the last Admin can be neither demoted nor disabled nor deleted', async ({
		page,
		admin,
		api,
		watch
	}) => {
		watch.expect(/status of 409 .*\/users\/v1\//);
		const admins = (await api.list({ role: 'Admin', status: 'active' })).filter((user) => !user.built_in);
		// Elsewhere the journey would take somebody's role away.
		expect(
			admins.map(({ username }) => username),
			'this journey needs an installation with one Admin'
		).toEqual([admin.username]);
		const refusal = 'This is the last active Admin. Give somebody else the role first.';
		await openAs(page, admin, `/users/${admins[0]?.id}`);

		await page.getByRole('button', { name: 'Remove role Admin' }).click();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('alert')).toHaveText(refusal);

		await page.getByRole('button', { name: 'Disable user' }).click();
		await page
			.getByRole('dialog', { name: 'Disable your own account?' })
			.getByRole('button', { name: 'Disable my account' })
			.click();
		await expect(page.getByRole('dialog')).toBeHidden();
		await expect(page.getByRole('alert')).toHaveText(refusal);

		await page.getByRole('button', { name: 'Delete user' }).click();
		const dialog = page.getByRole('dialog', { name: `Delete ${admin.username}?` });
		await dialog.getByLabel('Type the user name to confirm').fill(admin.username);
		await dialog.getByRole('button', { name: 'Delete user' }).click();
		await expect(dialog.getByRole('alert')).toHaveText(refusal);

		expect(await api.get(admins[0]?.id ?? '')).toEqual(admins[0]);
	});

	test('the built-in account is shown, and cannot be changed @embedded', async ({ page, admin, api }) => {
		const builtIn = (await api.list({ limit: '200' })).find((user) => user.built_in);
		await openAs(page, admin, `/users/${builtIn?.id}`);

		await expect(page.getByText('Built-in account')).toBeVisible();
		await expect(page.getByLabel('User name')).toBeDisabled();
		await expect(page.getByLabel('E-mail')).toBeDisabled();
		for (const name of ['Save changes', 'Disable user', 'Delete user', 'Make one-time link'])
			await expect(page.getByRole('button', { name })).toBeHidden();
		await expect(api.change(builtIn?.id ?? '', { disabled: true })).rejects.toThrow(/409.*built_in_account/s);
	});
});
