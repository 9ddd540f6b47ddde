import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';

const audience = 'https://reports.example';

interface Credential {
	readonly id: string;
	readonly secret: string;
}

test.describe('Verifiers', () => {
	function toast(page: Page, text: string): Locator {
		return page.getByRole('status').filter({ hasText: text });
	}

	/** Register a verifier through the form. */
	async function create(page: Page, name: string): Promise<Credential> {
		await page.goto('/verifiers');
		await page.getByRole('button', { name: 'New verifier' }).click();
		const dialog = page.getByRole('dialog', { name: 'New verifier' });
		await dialog.getByLabel('Name', { exact: true }).fill(name);
		await dialog.getByLabel('Audience').fill(audience);
		await dialog.getByRole('button', { name: 'Create verifier' }).click();
		const done = page.getByRole('dialog', { name: `${name} is created` });
		const id = await done.getByLabel('Client id').inputValue();
		const secret = await done.getByLabel('Client secret').inputValue();
		await done.getByRole('button', { name: 'Done' }).click();
		return { id, secret };
	}

	/** What a service with this credential is answered when it asks for revocations. */
	async function feedStatus(page: Page, { id, secret }: Credential): Promise<number> {
		const response = await page.request.get(`${installation().url}/verifiers/v1/feed`, {
			headers: { Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
		});
		return response.status();
	}

	test('an administrator finds them in the navigation, and is told what they are for @phone', async ({
		page,
		admin
	}) => {
		await openAs(page, admin);
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Verifiers' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Verifiers' })).toBeVisible();
		await expect(page.getByRole('status').filter({ hasText: 'No service is registered' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'verifiers');
	});

	test('a verifier is registered, works, and shows its secret once', async ({
		page,
		admin,
		api,
		context
	}) => {
		await context.grantPermissions(['clipboard-read', 'clipboard-write']);
		await openAs(page, admin, '/verifiers');
		await page.getByRole('button', { name: 'New verifier' }).click();
		const dialog = page.getByRole('dialog', { name: 'New verifier' });
		await expectAccessible(page, 'the form');
		await dialog.getByRole('button', { name: 'Create verifier' }).click();
		await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused();
		await expect(dialog.getByLabel('Audience')).toHaveAccessibleDescription(/absolute URI/);
		await dialog.getByLabel('Name', { exact: true }).fill('Reports');
		await dialog.getByLabel('Audience').fill(audience);
		await dialog.getByRole('button', { name: 'Create verifier' }).click();

		const done = page.getByRole('dialog', { name: 'Reports is created' });
		const id = await done.getByLabel('Client id').inputValue();
		const secret = await done.getByLabel('Client secret').inputValue();
		expect(secret).toMatch(/^pcs_/);
		await done.getByRole('button', { name: 'Copy id' }).click();
		expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(id);
		await done.getByRole('button', { name: 'Copy secret' }).click();
		expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret);
		await expectAccessible(page, 'the secret');
		await done.getByRole('button', { name: 'Done' }).click();
		expect(await page.content()).not.toContain(secret);

		expect(await feedStatus(page, { id, secret })).toBe(200);
		const row = page.getByRole('table', { name: 'Verifiers' }).getByRole('row').filter({ hasText: id });
		await expect(row).toContainText(audience);
		await row.getByRole('link', { name: 'Reports' }).click();
		await expect(page.getByRole('heading', { level: 1, name: 'Reports' })).toBeVisible();
		await expectAccessible(page, 'a verifier');
		await api.revokeVerifier(id);
	});

	test('what the server refuses is named at its field', async ({ page, admin, watch }) => {
		watch.expect(/status of 422 .*\/verifiers\/v1$/);
		await openAs(page, admin, '/verifiers');
		await page.getByRole('button', { name: 'New verifier' }).click();
		const dialog = page.getByRole('dialog', { name: 'New verifier' });
		await dialog.getByLabel('Name', { exact: true }).fill('Reports');
		await dialog.getByLabel('Audience').fill(`${installation().url}/api`);
		await dialog.getByRole('button', { name: 'Create verifier' }).click();

		await expect(dialog.getByLabel('Audience')).toBeFocused();
		await expect(dialog.getByLabel('Audience')).toHaveAccessibleDescription(/a name of the issuer itself/);
	});

	test('its name is changed, and its secret rolled without an outage', async ({ page, admin, api }) => {
		await openAs(page, admin);
		const first = await create(page, 'Reports');
		await page.goto(`/verifiers?verifier=${first.id}`);
		await page.getByLabel('Name', { exact: true }).fill('The reports');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'The changes to The reports are saved.')).toBeVisible();
		await expect(page.getByRole('heading', { level: 1, name: 'The reports' })).toBeVisible();

		await page.getByRole('button', { name: 'New secret' }).click();
		await page
			.getByRole('dialog', { name: 'New secret' })
			.getByRole('button', { name: 'Make secret' })
			.click();
		const shown = page.getByRole('dialog', { name: 'The new secret' });
		const second = { id: first.id, secret: await shown.getByLabel('Client secret').inputValue() };
		await shown.getByRole('button', { name: 'Done' }).click();
		const secrets = page.getByRole('region', { name: 'Secrets' }).getByRole('listitem');
		await expect(secrets).toHaveCount(2);
		expect([await feedStatus(page, first), await feedStatus(page, second)]).toEqual([200, 200]);

		await secrets.filter({ hasText: 'ends' }).getByRole('button').click();
		await page
			.getByRole('dialog', { name: 'End this secret now?' })
			.getByRole('button', { name: 'End secret' })
			.click();
		await expect(secrets).toHaveCount(1);
		expect([await feedStatus(page, first), await feedStatus(page, second)]).toEqual([401, 200]);
		await api.revokeVerifier(first.id);
	});

	test('it is revoked only by whoever says so twice, and then at once', async ({ page, admin, watch }) => {
		watch.expect(/status of 404 .*\/verifiers\/v1\//);
		await openAs(page, admin);
		const credential = await create(page, 'Reports');
		await page.goto(`/verifiers?verifier=${credential.id}`);

		await page.getByRole('button', { name: 'Revoke verifier' }).click();
		const dialog = page.getByRole('dialog', { name: 'Revoke Reports?' });
		await expectAccessible(page, 'the question');
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		expect(await feedStatus(page, credential)).toBe(200);
		await page.getByRole('button', { name: 'Revoke verifier' }).click();
		await dialog.getByRole('button', { name: 'Revoke verifier' }).click();

		await expect(page).toHaveURL('/verifiers');
		await expect(toast(page, 'Reports is revoked.')).toBeVisible();
		expect(await feedStatus(page, credential)).toBe(401);
		await page.goto(`/verifiers?verifier=${credential.id}`);
		await expect(page.getByRole('heading', { name: 'This verifier does not exist' })).toBeVisible();
	});

	test('what verifiers ask for is no verifier, and signs nobody out', async ({ page, admin }) => {
		await openAs(page, admin, '/verifiers?verifier=feed');

		await expect(page.getByRole('heading', { name: 'This verifier does not exist' })).toBeVisible();
	});

	test('whoever is no administrator sees neither the page nor a link to it', async ({ page, people }) => {
		await openAs(page, await people.create());
		await expect(navigation(page).getByRole('link', { name: 'Verifiers' })).toBeHidden();
		await page.goto('/verifiers');
		await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
	});
});
