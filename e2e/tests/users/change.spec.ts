import type { Locator, Page } from '@playwright/test';
import { listUsersWith } from '../../support/api';
import {
	accountButton,
	comeBackTo,
	fillLogin,
	loginForm,
	names,
	navigateSPA,
	navigation,
	openAs,
	searchBox,
	tokenSentBy
} from '../../support/app';
import { expect, test } from '../../support/journey';

test.describe('C · Changing users', () => {
	test('a role is in force within a second, for the same token and without a new sign-in (AD-06)', async ({
		page,
		admin,
		people,
		newDevice,
		request,
		watch
	}) => {
		watch.expect(/status of 403 .*\/users\/v1/);
		const person = await people.create();
		const device = await newDevice();
		await openAs(device, person);
		const token = await tokenSentBy(device, () => comeBackTo(device));
		const answer = async () => (await listUsersWith(request, token)).status();
		expect(await answer()).toBe(403);
		await expect(navigation(device).getByRole('link', { name: 'Users' })).toBeHidden();

		await openAs(page, admin, `/users/${person.id}`);
		await page.getByRole('group', { name: 'Suggestions' }).getByRole('button', { name: 'Admin' }).click();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(
			page.getByRole('status').filter({ hasText: `The changes to ${person.username} are saved.` })
		).toBeVisible();
		await expect.poll(answer, { timeout: 1000, intervals: [50] }).toBe(200);
		await comeBackTo(device);
		await navigateSPA(device, 'Users');
		await expect(names(device).first()).toBeVisible();

		await page.getByRole('button', { name: 'Remove role Admin' }).click();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('button', { name: 'Discard' })).toBeHidden();
		await expect.poll(answer, { timeout: 1000, intervals: [50] }).toBe(403);
		await searchBox(device).fill('anybody');
		await expect(device.getByRole('alert')).toContainText('Your roles do not allow this.');
		await navigateSPA(device, 'Dashboard');
		await expect(navigation(device).getByRole('link', { name: 'Users' })).toBeHidden();
	});

	test('a disabled user is back at the sign-in with the next action, and cannot sign in (AD-07)', async ({
		page,
		admin,
		people,
		newDevice,
		watch
	}) => {
		watch.expect(
			/status of 401 .*\/(?:api\/dashboard|auth\/v1\/login\/local)$/,
			/status of 400 .*\/auth\/v1\/refresh$/
		);
		const person = await people.create();
		const device = await newDevice();
		await openAs(device, person);
		await openAs(page, admin, `/users/${person.id}`);

		await page.getByRole('button', { name: 'Disable user' }).click();
		await expect(
			page.getByRole('status').filter({ hasText: `${person.username} is disabled.` })
		).toBeVisible();
		await expect(page.getByRole('button', { name: 'Enable user' })).toBeVisible();

		await comeBackTo(device);
		await expect(loginForm(device)).toBeVisible();
		await expect(device.getByText('Your session has ended. Sign in to go on.')).toBeVisible();
		await fillLogin(device, person.username, person.password);
		await expect(device.getByRole('alert')).toHaveText('The user name or the password is not right.');

		await page.getByRole('button', { name: 'Enable user' }).click();
		await expect(page.getByRole('button', { name: 'Disable user' })).toBeVisible();
		await fillLogin(device, person.username, person.password);
		await expect(accountButton(device)).toBeVisible();
	});

	test('a change that somebody else overtook is not saved, and says so', async ({
		page,
		admin,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 412 .*\/users\/v1\//);
		const person = await people.create({ password: false });
		await openAs(page, admin, `/users/${person.id}`);
		const displayName = page.getByLabel('Display name');
		await displayName.fill('Mine');
		await api.change(person.id, { display_name: 'Theirs' });

		await page.getByRole('button', { name: 'Save changes' }).click();
		const alert = page.getByRole('alert').filter({ hasText: 'Somebody changed this user meanwhile' });
		await expect(alert).toBeVisible();
		expect((await api.get(person.id)).display_name).toBe('Theirs');
		await alert.getByRole('button', { name: 'Load the current version' }).click();
		await expect(alert).toBeHidden();
		await expect(displayName).toHaveValue('Theirs');

		await displayName.fill('Mine');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('status').filter({ hasText: 'are saved.' })).toBeVisible();
		expect((await api.get(person.id)).display_name).toBe('Mine');
	});

	test('the profile can be changed, and an unsaved change discarded', async ({
		page,
		admin,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 409 .*\/users\/v1\//);
		const [person, other] = [
			await people.create({ password: false }),
			await people.create({ password: false })
		];
		await openAs(page, admin, `/users/${person.id}`);
		const email = page.getByLabel('E-mail');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('status').filter({ hasText: 'There is nothing to save.' })).toBeVisible();

		await email.fill('changed');
		await page.getByRole('button', { name: 'Discard' }).click();
		await expect(email).toHaveValue(person.email);

		await email.fill(other.email);
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(email).toBeFocused();
		await expect(email).toHaveAttribute('aria-invalid', 'true');

		await email.fill(`moved-${person.email}`);
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('status').filter({ hasText: 'are saved.' })).toBeVisible();
		expect((await api.get(person.id)).email).toBe(`moved-${person.email}`);
	});

	test('a display name that looks like markup is text everywhere (BF-14)', async ({
		page,
		admin,
		people
	}) => {
		const markup = '<img src=x onerror=alert(1)>';
		const person = await people.create({ displayName: markup, password: false });
		const planted = page.locator('img[src="x"]');
		await openAs(page, admin, `/users?search=${person.username}`);
		await expect(rowText(page, markup)).toBeVisible();
		await expect(planted).toHaveCount(0);

		await names(page).first().click();
		await expect(page.getByRole('main').getByText(markup)).toBeVisible();
		await expect(page.getByLabel('Display name')).toHaveValue(markup);
		await expect(planted).toHaveCount(0);
	});
});

function rowText(page: Page, text: string): Locator {
	return page.getByRole('table', { name: 'Users' }).getByText(text);
}
