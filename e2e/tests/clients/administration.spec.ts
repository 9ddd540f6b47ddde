import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';
import { unique } from '../../support/people';

const callback = 'https://shop.example/callback';

test.describe('Clients', () => {
	function toast(page: Page, text: string): Locator {
		return page.getByRole('status').filter({ hasText: text });
	}

	/** Create a client through the form, and return its secret. */
	async function create(page: Page, id: string, name = `Shop ${id}`): Promise<string> {
		await page.goto('/clients');
		await page.getByRole('button', { name: 'New client' }).click();
		const dialog = page.getByRole('dialog', { name: 'New client' });
		await dialog.getByLabel('Name', { exact: true }).fill(name);
		await dialog.getByLabel('Client id').fill(id);
		await dialog.getByLabel('Client credentials').check();
		await dialog.getByLabel('Redirect URIs', { exact: true }).fill(callback);
		await dialog.getByRole('button', { name: 'Create client' }).click();
		const done = page.getByRole('dialog', { name: `${name} is created` });
		const secret = await done.getByLabel('Client secret').inputValue();
		await done.getByRole('button', { name: 'Done' }).click();
		return secret;
	}

	async function tokenStatus(page: Page, id: string, secret: string): Promise<number> {
		const response = await page.request.post(`${installation().url}/oauth2/token`, {
			form: { grant_type: 'client_credentials' },
			headers: { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
		});
		return response.status();
	}

	test('an administrator finds them in the navigation, with those of the installation @phone', async ({
		page,
		admin
	}) => {
		await openAs(page, admin);
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Clients' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Clients' })).toBeVisible();
		const table = page.getByRole('table', { name: 'Clients' });
		await expect(table.getByRole('row').filter({ hasText: 'bff' })).toContainText('Built in');
		await expectAccessibleInBothThemes(page, 'clients');
	});

	test('one that is built in is shown, says where it is defined, and has nothing to change', async ({
		page,
		admin
	}) => {
		await openAs(page, admin, '/clients?client=bff');

		await expect(page.getByRole('heading', { level: 1, name: 'Paseport' })).toBeVisible();
		await expect(page.getByText('come from the settings of the issuer')).toBeVisible();
		await expect(page.getByText('/auth/v1/callback')).toBeVisible();
		await expect(page.getByRole('button', { name: 'Save changes' })).toBeHidden();
		await expect(page.getByRole('button', { name: 'Delete client' })).toBeHidden();
		await expectAccessible(page, 'a client that is built in');
	});

	test('a client is created, works, and shows its secret once', async ({ page, admin, api, context }) => {
		await context.grantPermissions(['clipboard-read', 'clipboard-write']);
		const id = `shop-${unique()}`;
		await openAs(page, admin, '/clients');
		await page.getByRole('button', { name: 'New client' }).click();
		const dialog = page.getByRole('dialog', { name: 'New client' });
		await expectAccessible(page, 'the form');
		await dialog.getByRole('button', { name: 'Create client' }).click();
		await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused();
		await expect(dialog.getByLabel('Client id')).toHaveAccessibleDescription(/Use 3 to 64 letters/);
		await dialog.getByLabel('Name', { exact: true }).fill('The shop');
		await dialog.getByLabel('Client id').fill(id);
		await dialog.getByLabel('Client credentials').check();
		await dialog.getByLabel('Redirect URIs', { exact: true }).fill(callback);
		await dialog.getByRole('button', { name: 'Create client' }).click();

		const done = page.getByRole('dialog', { name: 'The shop is created' });
		const secret = await done.getByLabel('Client secret').inputValue();
		expect(secret).toMatch(/^pcs_/);
		await done.getByRole('button', { name: 'Copy secret' }).click();
		expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
		await expectAccessible(page, 'the secret');
		await done.getByRole('button', { name: 'Done' }).click();
		expect(await page.content()).not.toContain(secret);
		expect(await tokenStatus(page, id, secret)).toBe(200);
		await page.getByRole('searchbox', { name: 'Search clients' }).fill(id);
		await expect(page.getByRole('table', { name: 'Clients' }).getByRole('rowheader')).toHaveCount(1);
		await api.removeClient(id);
	});

	test('what the server refuses is named at its field (AZ-05)', async ({ page, admin, watch }) => {
		watch.expect(/status of 422 .*\/clients\/v1$/);
		await openAs(page, admin, '/clients');
		await page.getByRole('button', { name: 'New client' }).click();
		const dialog = page.getByRole('dialog', { name: 'New client' });
		await dialog.getByLabel('Name', { exact: true }).fill('The shop');
		await dialog.getByLabel('Client id').fill(`shop-${unique()}`);
		await dialog.getByLabel('Redirect URIs', { exact: true }).fill('https://*.shop.example/callback');
		await dialog.getByRole('button', { name: 'Create client' }).click();

		await expect(dialog.getByLabel('Redirect URIs', { exact: true })).toBeFocused();
		await expect(dialog.getByLabel('Redirect URIs', { exact: true })).toHaveAccessibleDescription(/Number 1/);
	});

	test('a client that can keep no secret has none, and loses what needs one', async ({
		page,
		admin,
		api
	}) => {
		const id = `phone-${unique()}`;
		await openAs(page, admin, '/clients');
		await page.getByRole('button', { name: 'New client' }).click();
		const dialog = page.getByRole('dialog', { name: 'New client' });
		await dialog.getByLabel('Name', { exact: true }).fill('The phone');
		await dialog.getByLabel('Client id').fill(id);
		await dialog.getByLabel('Client credentials').check();
		await dialog.getByLabel('Application type').selectOption('native');
		await dialog.getByLabel('Authentication').selectOption('none');
		await expect(dialog.getByLabel('Client credentials')).toBeDisabled();
		await expect(dialog.getByLabel('Client credentials')).not.toBeChecked();
		await expect(dialog.getByLabel('Require PKCE')).toBeDisabled();
		await dialog.getByLabel('Redirect URIs', { exact: true }).fill('http://127.0.0.1/callback');
		await dialog.getByRole('button', { name: 'Create client' }).click();

		await expect(dialog).toBeHidden();
		await page.goto(`/clients?client=${id}`);
		await expect(page.getByRole('heading', { level: 2, name: 'Settings' })).toBeVisible();
		await expect(page.getByRole('heading', { level: 2, name: 'Secrets' })).toBeHidden();
		await api.removeClient(id);
	});

	test('its settings are changed, and a change of somebody else is not lost', async ({
		page,
		admin,
		api,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 412 /);
		const id = `shop-${unique()}`;
		await openAs(page, admin);
		await create(page, id);
		await page.goto(`/clients?client=${id}`);
		const other = await newDevice();
		await openAs(other, admin, `/clients?client=${id}`);
		await expect(other.getByLabel('Name', { exact: true })).toBeVisible();

		await page.getByLabel('Name', { exact: true }).fill('The corner shop');
		await page.getByLabel('email').check();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'The changes to The corner shop are saved.')).toBeVisible();
		await expect(page.getByRole('heading', { level: 1, name: 'The corner shop' })).toBeVisible();
		await expect(page.getByRole('button', { name: 'Discard' })).toBeHidden();

		await other.getByLabel('Name', { exact: true }).fill('The mall');
		await other.getByRole('button', { name: 'Save changes' }).click();
		await expect(
			other.getByRole('alert').filter({ hasText: 'Somebody changed this client meanwhile' })
		).toBeVisible();
		await other.getByRole('button', { name: 'Load the current version' }).click();
		await expect(other.getByLabel('Name', { exact: true })).toHaveValue('The corner shop');
		await expect(other.getByLabel('email')).toBeChecked();
		await api.removeClient(id);
	});

	test('a secret is rolled: both work for a while, until the old one is ended', async ({
		page,
		admin,
		api
	}) => {
		const id = `shop-${unique()}`;
		await openAs(page, admin);
		const first = await create(page, id);
		await page.goto(`/clients?client=${id}`);
		await page.getByLabel('Name', { exact: true }).fill('Not saved yet');

		await page.getByRole('button', { name: 'New secret' }).click();
		await page
			.getByRole('dialog', { name: 'New secret' })
			.getByRole('button', { name: 'Make secret' })
			.click();
		const shown = page.getByRole('dialog', { name: 'The new secret' });
		const second = await shown.getByLabel('Client secret').inputValue();
		await shown.getByRole('button', { name: 'Done' }).click();

		const secrets = page.getByRole('region', { name: 'Secrets' }).getByRole('listitem');
		await expect(secrets).toHaveCount(2);
		await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Not saved yet');
		expect([await tokenStatus(page, id, first), await tokenStatus(page, id, second)]).toEqual([200, 200]);
		await expectAccessible(page, 'a client with two secrets');

		await secrets.filter({ hasText: 'ends' }).getByRole('button').click();
		await page
			.getByRole('dialog', { name: 'End this secret now?' })
			.getByRole('button', { name: 'End secret' })
			.click();
		await expect(secrets).toHaveCount(1);
		expect([await tokenStatus(page, id, first), await tokenStatus(page, id, second)]).toEqual([401, 200]);
		await api.removeClient(id);
	});

	test('a client is disabled, enabled and deleted', async ({ page, admin, watch }) => {
		watch.expect(/status of 404 .*\/clients\/v1\//);
		const id = `shop-${unique()}`;
		await openAs(page, admin);
		const secret = await create(page, id, 'The shop');
		await page.goto(`/clients?client=${id}`);

		await page.getByRole('button', { name: 'Disable client' }).click();
		await expect(toast(page, 'The shop is disabled.')).toBeVisible();
		expect(await tokenStatus(page, id, secret)).toBe(401);
		await page.getByRole('button', { name: 'Enable client' }).click();
		await expect(toast(page, 'The shop is enabled.')).toBeVisible();
		expect(await tokenStatus(page, id, secret)).toBe(200);

		await page.getByRole('button', { name: 'Delete client' }).click();
		const dialog = page.getByRole('dialog', { name: 'Delete The shop?' });
		await dialog.getByLabel('Type the client id to confirm').fill('something else');
		await dialog.getByRole('button', { name: 'Delete client' }).click();
		await expect(dialog.getByText('This is not the client id.')).toBeVisible();
		await dialog.getByLabel('Type the client id to confirm').fill(id);
		await dialog.getByRole('button', { name: 'Delete client' }).click();

		await expect(page).toHaveURL('/clients');
		await expect(toast(page, 'The shop is deleted.')).toBeVisible();
		await page.goto(`/clients?client=${id}`);
		await expect(page.getByRole('heading', { name: 'This client does not exist' })).toBeVisible();
		expect(await tokenStatus(page, id, secret)).toBe(401);
	});

	test('whoever is no administrator sees neither the page nor a link to it', async ({ page, people }) => {
		await openAs(page, await people.create());
		await expect(navigation(page).getByRole('link', { name: 'Clients' })).toBeHidden();
		await page.goto('/clients');
		await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
	});
});
