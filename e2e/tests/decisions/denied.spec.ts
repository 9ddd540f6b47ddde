import type { Locator, Page } from '@playwright/test';
import { expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { expect, test } from '../../support/journey';
import { askAtDoor, host, passes } from '../../support/proxy';

test.describe('F · Denied requests @embedded', () => {
	/** The denials on the page, top to bottom. */
	function entries(page: Page, list = 'The newest'): Locator {
		return page.getByRole('region', { name: list }).getByRole('list').first().locator(':scope > li');
	}

	function question(page: Page): Locator {
		return page.getByRole('region', { name: 'Would this pass?' });
	}

	test('an administrator finds the newest in the navigation, and one by its request id @phone', async ({
		page,
		admin,
		api
	}) => {
		const path = `/reports/${Date.now()}`;
		const { status, requestId } = await askAtDoor(page, path);
		expect(status).toBe(401);
		await api.denialOf(requestId);
		await openAs(page, admin);
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Denied requests' }).click();
		const entry = entries(page).filter({ hasText: path });
		await expect(entry).toContainText('The rule asks for somebody who is known, and nobody was.');
		await expect(entry).toContainText(`GET ${host}${path}`);
		await expectAccessibleInBothThemes(page, 'denied requests');

		await page.getByLabel('Request id').fill(` ${requestId} `);
		await page.keyboard.press('Enter');
		await expect(page).toHaveURL(`/decisions?request_id=${requestId}`);
		await expect(entries(page, 'The request')).toHaveCount(1);
		await expect(entries(page, 'The request')).toContainText('Signing in, or a credential.');
		await expect(entries(page, 'The request')).toContainText('reports');
		await expect(entries(page, 'The request')).toContainText('192.0.2.7');
		await expectAccessibleInBothThemes(page, 'one denied request');
		await page.reload();
		await expect(page.getByLabel('Request id')).toHaveValue(requestId);
		await expect(entries(page, 'The request')).toHaveCount(1);
		await page.getByRole('link', { name: 'Show all' }).click();
		await expect(page.getByLabel('Request id')).toHaveValue('');
		await expect(entries(page).filter({ hasText: path })).toHaveCount(1);
	});

	test('a denial leads to the user and the key, and is asked about again once they may (AD-06)', async ({
		page,
		admin,
		people,
		api
	}) => {
		const member = await people.create({ roles: ['User', 'Reports'] });
		const made = await api.createKey(member.id, { name: 'Nightly report', roles: ['Reports'] });
		await api.change(member.id, { roles: ['User'] });
		await expect.poll(() => passes(page, '/reports/1', made.key)).toBe(403);
		const { requestId } = await askAtDoor(page, '/reports/2', made.key);
		await api.denialOf(requestId);
		await openAs(page, admin, `/decisions?request_id=${requestId}`);
		const entry = entries(page, 'The request');

		await expect(entry).toContainText('The caller has none of the roles that the rule names.');
		await expect(entry).toContainText('The role Reports.');
		await expect(entry.getByRole('link', { name: member.id })).toHaveAttribute('href', `/users/${member.id}`);
		await entry.getByRole('button', { name: /Would it pass now/ }).click();
		await expect(entry).toContainText('It would still be denied');
		await expect(entry).toContainText('By the rule reports, line 10.');
		await api.change(member.id, { roles: ['User', 'Reports'] });
		await expect(async () => {
			await entry.getByRole('button', { name: /Would it pass now/ }).click();
			await expect(entry).toContainText('It would pass now', { timeout: 1000 });
		}).toPass();
		await expectAccessibleInBothThemes(page, 'a denial that would pass now');

		await expect(question(page).getByLabel('Path')).toHaveValue('/reports/2');
		await expect(question(page).getByLabel('Id of the key')).toHaveValue(made.id);
		await entry.getByRole('link', { name: `key ${made.id}` }).click();
		await expect(page.getByRole('heading', { level: 1, name: 'Nightly report' })).toBeVisible();
	});

	test('the rules are asked about a request that nobody makes, by keyboard', async ({
		page,
		admin,
		people,
		watch
	}) => {
		const member = await people.create();
		await openAs(page, admin, '/decisions');
		await page.getByRole('link', { name: 'Would this pass?' }).click();
		const form = question(page);
		await page.keyboard.press('Tab');
		await expect(form.getByLabel('Method')).toBeFocused();
		await form.getByRole('button', { name: 'Ask the rules' }).click();
		await expect(form.getByLabel('Host')).toBeFocused();
		await expect(form.getByLabel('Host')).toHaveAccessibleDescription(/Type a host/);

		await page.keyboard.type(`https://${host}/reports/today?full=1`);
		await page.keyboard.press('Enter');
		await expect(form.getByText('It would be denied')).toBeVisible();
		await expect(form).toContainText(`GET ${host}/reports/today`);
		await expect(form).toContainText('reports, line 10');
		await expect(form).toContainText('Signing in, or a credential.');
		await expectAccessibleInBothThemes(page, 'an answer that says no');

		await form.getByRole('radio', { name: /A user/ }).check();
		await form.getByLabel('User name').fill(member.username);
		await page.keyboard.press('Enter');
		await expect(form).toContainText('The role Reports.');
		await expect(form).toContainText(`${member.username}, with User (Browser session)`);
		await form.getByLabel('Host').fill(host);
		await form.getByLabel('Path').fill('/');
		await page.keyboard.press('Enter');
		await expect(form.getByText('It would pass')).toBeVisible();
		await expect(form).toContainText('members, line 14');
		await expectAccessibleInBothThemes(page, 'an answer that says yes');

		await form.getByLabel('Path').fill('/%2e%2e/closed');
		await page.keyboard.press('Enter');
		await expect(form).toContainText('The request can be read in several ways, or in none.');
		expect(watch.surprises).toEqual([]);
	});

	test('an id that nobody was denied under is told from one that is none', async ({ page, admin, watch }) => {
		watch.expect(/status of 422 .*\/api\/admin\/decisions/);
		await openAs(page, admin, '/decisions?request_id=019bc0de-0000-7000-8000-000000000001');
		await expect(
			page.getByRole('status').filter({ hasText: 'No denial of this request is kept' })
		).toBeVisible();
		await expectAccessibleInBothThemes(page, 'a request that was not denied');

		await page.getByLabel('Request id').fill('the one of yesterday');
		await page.getByRole('button', { name: 'Find' }).click();
		await expect(page.getByLabel('Request id')).toHaveAccessibleDescription(/X-Request-Id/);
		await expectAccessibleInBothThemes(page, 'what is no request id');
	});

	test('denials that cannot be loaded are not called none, and the rules can be asked meanwhile', async ({
		page,
		admin,
		watch
	}) => {
		watch.expect(/status of 503 .*\/api\/admin\/decisions/);
		await page.route('**/api/admin/decisions*', (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				body: JSON.stringify({ status: 503, code: 'unavailable', title: 'Unavailable', detail: 'Away.' })
			})
		);
		await openAs(page, admin, '/decisions');
		const alert = page.getByRole('alert').filter({ hasText: 'The denied requests could not be loaded' });
		await expect(alert).toBeVisible();
		await expect(page.getByText('No request was denied')).toBeHidden();
		await question(page).getByLabel('Host').fill(host);
		await question(page).getByLabel('Path').fill('/health');
		await page.keyboard.press('Enter');
		await expect(question(page).getByText('It would pass')).toBeVisible();
		await page.unroute('**/api/admin/decisions*');
		await alert.getByRole('button', { name: 'Try again' }).click();

		await expect(alert).toBeHidden();
	});

	test('whoever is no administrator sees neither the page nor a link to it', async ({ page, people }) => {
		await openAs(page, await people.create());
		await expect(navigation(page).getByRole('link', { name: 'Denied requests' })).toBeHidden();
		await page.goto('/decisions');
		await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
	});
});
