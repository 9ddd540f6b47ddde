import type { Locator, Page } from '@playwright/test';
import { expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { expect, test } from '../../support/journey';
import { unique } from '../../support/people';
import { passes } from '../../support/proxy';

test.describe('F · All API keys', () => {
	function toast(page: Page, text: string): Locator {
		return page.getByRole('status').filter({ hasText: text });
	}

	function rows(page: Page): Locator {
		return page
			.getByRole('table', { name: 'API keys' })
			.getByRole('row')
			.filter({ has: page.getByRole('rowheader') });
	}

	function searchBox(page: Page): Locator {
		return page.getByRole('searchbox', { name: 'Search API keys' });
	}

	test('an administrator finds everybody’s in the navigation, by name and by owner @phone', async ({
		page,
		admin,
		people,
		api
	}) => {
		const [one, other] = [await people.create(), await people.create()];
		const name = `Nightly ${unique()}`;
		await api.createKey(one.id, { name, hosts: ['app.example.com'] });
		await api.createKey(other.id, { name: 'Something else' });
		await openAs(page, admin);
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'All API keys' }).click();
		await expect(page.getByRole('heading', { level: 1, name: 'All API keys' })).toBeVisible();

		await searchBox(page).fill(name);
		await expect(rows(page)).toHaveCount(1);
		await expect(rows(page)).toContainText(one.username);
		await searchBox(page).fill(other.username);
		await expect(rows(page).getByRole('link')).toHaveText(['Something else']);
		await expectAccessibleInBothThemes(page, 'all keys');
		await searchBox(page).fill(`${unique()}%_`);
		await expect(page.getByText('No API key matches')).toBeVisible();

		await page.goto(`/api-keys?owner=${one.id}`);
		await expect(rows(page)).toHaveCount(1);
		await expect(page.getByRole('heading', { level: 1, name: `API keys of ${one.username}` })).toBeVisible();
		await page.getByRole('link', { name: 'Show everybody’s' }).click();
		await searchBox(page).fill(other.username);
		await expect(rows(page)).toHaveCount(1);
	});

	test('a key of somebody is opened, restricted, disabled and revoked @embedded', async ({
		page,
		admin,
		people,
		api
	}) => {
		const member = await people.create();
		const { key } = await api.createKey(member.id, { name: 'Deployment', roles: ['User'] });
		expect(await passes(page, '/', key)).toBe(204);
		await openAs(page, admin, '/api-keys');
		await searchBox(page).fill(member.username);
		await expect(rows(page)).toHaveCount(1);
		await rows(page).getByRole('link', { name: 'Deployment' }).click();

		await expect(page.getByRole('link', { name: member.username })).toHaveAttribute(
			'href',
			`/users/${member.id}`
		);
		expect(await page.content()).not.toContain(key);
		await expectAccessibleInBothThemes(page, 'a key of somebody');
		await page.getByLabel('Hosts').fill('other.example.com');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'The changes to Deployment are saved.')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(403);
		await page.getByLabel('Hosts').fill('');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('button', { name: 'Discard' })).toBeHidden();
		expect(await passes(page, '/', key)).toBe(204);

		await page.getByRole('button', { name: 'Disable key' }).click();
		await expect(toast(page, 'Deployment is disabled.')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(401);
		await page.getByRole('button', { name: 'Revoke key' }).click();
		await page
			.getByRole('dialog', { name: 'Revoke Deployment?' })
			.getByRole('button', { name: 'Revoke key' })
			.click();

		await expect(page).toHaveURL('/api-keys');
		await expect(toast(page, 'Deployment is revoked.')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(401);
	});

	test('a key is made for somebody, with no more than they hold @embedded', async ({
		page,
		admin,
		people
	}) => {
		const member = await people.create();
		await openAs(page, admin, `/users/${member.id}`);
		await page.getByRole('link', { name: 'Show API keys' }).click();
		await expect(page.getByText('This user has no API key')).toBeVisible();
		await page.getByRole('link', { name: 'New API key' }).click();
		await expect(
			page.getByRole('heading', { level: 1, name: `New API key for ${member.username}` })
		).toBeVisible();
		await expectAccessibleInBothThemes(page, 'a new key for somebody');
		await page.getByLabel('Name', { exact: true }).fill('Backup');
		await page.getByRole('button', { name: 'Make key' }).click();

		await expect(page.getByRole('heading', { name: 'Your new key' })).toBeFocused();
		expect(await passes(page, '/', await page.getByLabel('API key', { exact: true }).inputValue())).toBe(204);
		await page.getByRole('link', { name: 'Done' }).click();
		await expect(rows(page).getByRole('link')).toHaveText(['Backup']);
		await expect(rows(page)).toContainText(member.username);
	});

	test('a role that the owner does not hold is refused at its field (AD-03)', async ({
		page,
		admin,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 422 .*\/tokens\//);
		const member = await people.create();
		const key = await api.createKey(member.id, { name: 'Deployment' });
		await openAs(page, admin, `/api-keys/${member.id}/${key.id}`);
		await page.getByLabel('Roles').fill('Billing.read');
		await page.getByRole('button', { name: 'Save changes' }).click();

		await expect(page.getByLabel('Roles')).toBeFocused();
		await expect(page.getByLabel('Roles')).toHaveAccessibleDescription(/does not hold/);
	});

	test('a key is found below its owner and nobody else (AD-05)', async ({
		page,
		admin,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 404 .*\/tokens\//);
		const [owner, other] = [await people.create(), await people.create()];
		const key = await api.createKey(owner.id, { name: 'Deployment' });
		await openAs(page, admin, `/api-keys/${other.id}/${key.id}`);

		await expect(page.getByRole('heading', { level: 1, name: 'This key does not exist' })).toBeVisible();
	});

	test('what was not confirmed is not called revoked', async ({ page, admin, people, api, watch }) => {
		watch.expect(/status of 503 .*\/tokens\//);
		const member = await people.create();
		const key = await api.createKey(member.id, { name: 'Deployment' });
		await openAs(page, admin, `/api-keys/${member.id}/${key.id}`);
		await page.route(`**/tokens/${key.id}`, (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				headers: { 'Retry-After': '1' },
				body: JSON.stringify({ status: 503, code: 'unavailable', title: 'Unavailable', detail: 'Away.' })
			})
		);
		await page.getByRole('button', { name: 'Revoke key' }).click();
		const dialog = page.getByRole('dialog', { name: 'Revoke Deployment?' });
		await dialog.getByRole('button', { name: 'Revoke key' }).click();
		await expect(dialog.getByRole('alert').filter({ hasText: 'It was not revoked' })).toBeVisible();
		await page.unroute(`**/tokens/${key.id}`);
		await dialog.getByRole('button', { name: 'Revoke key' }).click();

		await expect(toast(page, 'Deployment is revoked.')).toBeVisible();
	});

	test('nothing of the pages is cut off or moves them sideways @phone', async ({ page, people, api }) => {
		const operator = await people.create({
			name: 'a-name-that-is-as-long-as-names-may-be-in-this-list',
			roles: ['Administration-of-everything-there-is-in-this-company', 'Admin', 'User']
		});
		const key = await api.createKey(operator.id, {
			name: 'Wide'.repeat(16),
			comment: 'Wide'.repeat(100),
			roles: ['Administration-of-everything-there-is-in-this-company', 'User'],
			scopes: ['s'.repeat(64)],
			hosts: [`${'host-'.repeat(12)}x.${'example-'.repeat(7)}x.example.com`],
			paths: [`/${'path'.repeat(60)}`]
		});
		await openAs(page, operator);
		for (const path of [
			'/account/api-keys',
			'/account/api-keys/new',
			`/account/api-keys/${key.id}`,
			`/api-keys?owner=${operator.id}`,
			`/api-keys/${operator.id}/${key.id}`,
			'/decisions'
		]) {
			await page.goto(path);
			await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
			await expect(page.getByRole('status').filter({ hasText: 'Loading' })).toHaveCount(0);
			if (!path.endsWith('new') && path !== '/decisions')
				await expect(page.getByText(key.name).first()).toBeVisible();
			const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
			expect(width[0], `${path} is no wider than the window`).toBeLessThanOrEqual(width[1] ?? 0);
		}
	});

	test('whoever is no administrator sees neither the page nor a link to it', async ({ page, people }) => {
		await openAs(page, await people.create());
		await expect(navigation(page).getByRole('link', { name: 'All API keys' })).toBeHidden();
		await page.goto('/api-keys');
		await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
	});
});
