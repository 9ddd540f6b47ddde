import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { expect, test } from '../../support/journey';
import { unique } from '../../support/people';
import { askAtDoor, host, passes } from '../../support/proxy';

test.describe('F · Your API keys', () => {
	function toast(page: Page, text: string): Locator {
		return page.getByRole('status').filter({ hasText: text });
	}

	function entries(page: Page): Locator {
		return page.getByRole('region', { name: 'API keys' }).getByRole('list').first().locator(':scope > li');
	}

	/** Make a key through the form with what it begins with, and return its text. */
	async function make(page: Page, name: string): Promise<string> {
		await page.goto('/account/api-keys/new');
		await page.getByLabel('Name', { exact: true }).fill(name);
		await page.getByRole('button', { name: 'Make key' }).click();
		await expect(page.getByRole('heading', { level: 1, name: `${name} is ready` })).toBeVisible();
		const key = await page.getByLabel('API key', { exact: true }).inputValue();
		await page.getByRole('link', { name: 'Done' }).click();
		return key;
	}

	async function open(page: Page, name: string): Promise<void> {
		await page.goto('/account/api-keys');
		await page.getByRole('link', { name: `Open ${name}` }).click();
		await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
	}

	test('everybody finds them in the navigation, and is told what they are for @phone', async ({
		page,
		people
	}) => {
		await openAs(page, await people.create());
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Your API keys' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Your API keys' })).toBeVisible();
		await expect(page.getByRole('status').filter({ hasText: 'You have no API key' })).toBeVisible();
		await openMenu(page);
		await expect(navigation(page).getByRole('link', { name: 'Your API keys' })).toHaveAttribute(
			'aria-current',
			'page'
		);
		await expect(navigation(page).getByRole('link', { name: 'Sessions and devices' })).not.toHaveAttribute(
			'aria-current'
		);
		await expectAccessibleInBothThemes(page, 'no API key');
	});

	test('a key is made with what the form begins with, works, and is shown once (FA-16) @embedded @phone', async ({
		page,
		people,
		context
	}) => {
		await context.grantPermissions(['clipboard-read', 'clipboard-write']);
		const member = await people.create();
		await openAs(page, member, '/account/api-keys');
		await page.getByRole('link', { name: 'New API key' }).click();
		await expect(page.getByLabel('Ends')).toHaveValue('90');
		await expect(page.getByRole('checkbox', { name: 'User' })).toBeChecked();
		await expectAccessibleInBothThemes(page, 'the form');
		await page.getByLabel('Name', { exact: true }).fill('Nightly report');
		await page.getByLabel('Hosts').fill(host);
		await page.keyboard.press('Tab');
		await page.keyboard.press('Tab');
		await expect(page.getByRole('button', { name: 'Make key' })).toBeFocused();
		await page.keyboard.press('Enter');

		await expect(page.getByRole('heading', { level: 2, name: 'Your new key' })).toBeFocused();
		await expect(page.getByText('It will not be shown again')).toBeVisible();
		const key = await page.getByLabel('API key', { exact: true }).inputValue();
		expect(key).toMatch(/^ppk_[0-9A-Za-z]{16}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/);
		await page.getByRole('button', { name: 'Copy key' }).click();
		expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);
		await expectAccessibleInBothThemes(page, 'the key');
		await page.getByRole('link', { name: 'Done' }).click();

		await expect(entries(page)).toHaveCount(1);
		await expect(entries(page)).toContainText('Act with the role User');
		await expect(entries(page)).toContainText(`Works on ${host}`);
		await expect(entries(page)).toContainText(/not used yet · ends \d+ \w+ \d{4}/);
		await expectAccessibleInBothThemes(page, 'the list');
		expect(await page.content()).not.toContain(key);
		await page.goBack();
		await expect(page.getByRole('heading', { level: 1, name: 'New API key' })).toBeVisible();
		expect(await page.content()).not.toContain(key);
		expect(await askAtDoor(page, '/', key)).toMatchObject({ status: 204, user: member.username });
	});

	test('its use is seen a while later @embedded', async ({ page, people }) => {
		await openAs(page, await people.create());
		const key = await make(page, 'Watched');
		expect(await passes(page, '/', key)).toBe(204);

		// The uses are gathered for some seconds before they are written down.
		await expect(async () => {
			await page.goto('/account/api-keys');
			await expect(entries(page)).toContainText(/used (?:just now|\d+ seconds ago)/, { timeout: 1000 });
		}).toPass({ timeout: 30_000 });
	});

	test('what is wrong is said at its field, before and after the server is asked', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 422 .*\/api\/me\/tokens$/);
		await openAs(page, await people.create(), '/account/api-keys/new');
		await page.getByRole('button', { name: 'Make key' }).click();
		await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
		await expect(page.getByLabel('Name', { exact: true })).toHaveAccessibleDescription(/Type a name/);
		await page.getByLabel('Name', { exact: true }).fill('Nightly report');
		await page.getByLabel('Hosts').fill(`${host}\nhttps://${host}`);
		await page.getByRole('button', { name: 'Make key' }).click();
		await expect(page.getByLabel('Hosts')).toBeFocused();
		await expect(page.getByLabel('Hosts')).toHaveAccessibleDescription(/is no host/);
		await page.getByLabel('Hosts').fill(host);
		await page.getByText('More limits').click();
		await page.getByLabel('Networks').fill('10.0.0.0/8\nthe office');
		await page.getByText('More limits').click();
		await expect(page.getByLabel('Networks')).toBeHidden();
		await page.getByRole('button', { name: 'Make key' }).click();

		await expect(page.getByLabel('Networks')).toBeFocused();
		await expect(page.getByLabel('Networks')).toHaveAccessibleDescription(/Number 2/);
		await expectAccessibleInBothThemes(page, 'the form with mistakes');
	});

	test('a key with every limit has them in words, and keeps what is changed', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 422 .*\/api\/me\/tokens$/);
		await openAs(page, await people.create({ roles: ['User', 'Reports'] }), '/account/api-keys/new');
		await page.getByLabel('Name', { exact: true }).fill('Nightly report');
		await page.getByLabel('Ends').selectOption('date');
		await page.getByLabel('Last day').fill('2099-01-01');
		await page.getByRole('checkbox', { name: 'User' }).uncheck();
		await page.getByLabel('Hosts').fill(`${host}\n*.example.org`);
		await page.getByText('More limits').click();
		await page.getByLabel('Paths').fill('/reports');
		await page.getByRole('button', { name: 'GET', exact: true }).click();
		await page.getByLabel('Methods').fill('head');
		await page.getByLabel('Networks').fill('192.0.2.0/24');
		await page.getByLabel('Scopes').fill('orders:read');
		await page.getByLabel('Requests at most').fill('60');
		await page.getByLabel('Comment').fill('Runs at two');
		await page.getByRole('button', { name: 'Make key' }).click();
		// More than ten years is not a key's life.
		await expect(page.getByLabel('Last day')).toBeFocused();
		await page.getByLabel('Ends').selectOption('30');
		await page.getByRole('button', { name: 'Make key' }).click();
		await page.getByRole('link', { name: 'Done' }).click();

		await expect(entries(page)).toContainText('Act with the role Reports');
		await expect(entries(page)).toContainText('Whatever orders:read stands for');
		await expect(entries(page)).toContainText(
			`Works on ${host} and *.example.org, below /reports, with GET and HEAD, from 192.0.2.0/24`
		);
		await page.getByRole('link', { name: 'Open Nightly report' }).click();
		await expect(page.getByRole('region', { name: 'Record' })).toContainText('60 requests a minute');
		await page.getByText('More limits').click();
		await expect(page.getByLabel('Comment')).toHaveValue('Runs at two');
		await page.getByLabel('Requests at most').fill('');
		await page.getByLabel('Name', { exact: true }).fill('Daily report');
		await page.getByRole('button', { name: 'Save changes' }).click();

		await expect(toast(page, 'The changes to Daily report are saved.')).toBeVisible();
		await expect(page.getByRole('heading', { level: 1, name: 'Daily report' })).toBeVisible();
		await expect(page.getByRole('region', { name: 'Record' })).not.toContainText('requests a minute');
	});

	test('a key is rotated: both work for a while, and a third ends both @embedded', async ({
		page,
		people
	}) => {
		await openAs(page, await people.create());
		const first = await make(page, 'Deployment');
		await open(page, 'Deployment');
		await page.getByLabel('Name', { exact: true }).fill('Not saved yet');

		async function rotate(): Promise<string> {
			await page.getByRole('button', { name: 'Rotate key' }).click();
			const dialog = page.getByRole('dialog', { name: 'Rotate Deployment' });
			await expectAccessible(page, 'the question');
			await dialog.getByRole('button', { name: 'Rotate key' }).click();
			const shown = page.getByRole('dialog', { name: 'The new key of Deployment' });
			const key = await shown.getByLabel('API key').inputValue();
			await shown.getByRole('button', { name: 'Done' }).click();
			return key;
		}

		const second = await rotate();
		const secrets = page.getByRole('region', { name: 'Secrets' }).getByRole('listitem');
		await expect(secrets).toHaveCount(2);
		await expect(secrets.filter({ hasText: 'ends' })).toHaveCount(1);
		await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Not saved yet');
		expect([await passes(page, '/', first), await passes(page, '/', second)]).toEqual([204, 204]);
		await expectAccessibleInBothThemes(page, 'a key with two secrets');

		await page.getByRole('button', { name: 'Rotate key' }).click();
		await expect(page.getByText('A new one ends both of them at once.')).toBeVisible();
		await page.keyboard.press('Escape');
		const third = await rotate();
		await expect(secrets).toHaveCount(1);
		expect([
			await passes(page, '/', first),
			await passes(page, '/', second),
			await passes(page, '/', third)
		]).toEqual([401, 401, 204]);
	});

	test('a key is disabled, enabled, and revoked after a question, by keyboard @embedded', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 404 .*\/api\/me\/tokens\//);
		await openAs(page, await people.create());
		const key = await make(page, 'Deployment');
		await open(page, 'Deployment');

		await page.getByRole('button', { name: 'Disable key' }).click();
		await expect(toast(page, 'Deployment is disabled.')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(401);
		await expectAccessibleInBothThemes(page, 'a disabled key');
		await page.getByRole('button', { name: 'Enable key' }).click();
		await expect(toast(page, 'Deployment is enabled.')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(204);

		await page.getByRole('button', { name: 'Revoke key' }).focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog', { name: 'Revoke Deployment?' });
		await expect(dialog).toBeVisible();
		await page.keyboard.press('Escape');
		await expect(dialog).toBeHidden();
		await expect(page.getByRole('button', { name: 'Revoke key' })).toBeFocused();
		expect(await passes(page, '/', key)).toBe(204);
		await page.keyboard.press('Enter');
		await expectAccessibleInBothThemes(page, 'the question');
		await dialog.getByRole('button', { name: 'Revoke key' }).focus();
		await page.keyboard.press('Enter');

		await expect(toast(page, 'Deployment is revoked.')).toBeVisible();
		await expect(page.getByText('You have no API key')).toBeVisible();
		expect(await passes(page, '/', key)).toBe(401);
		await page.goBack();
		await expect(page.getByRole('heading', { name: 'This key does not exist' })).toBeVisible();
	});

	test('a change of somebody else is not lost', async ({ page, people, api, watch }) => {
		watch.expect(/status of 412 /);
		const member = await people.create();
		const key = await api.createKey(member.id, { name: 'Shared' });
		await openAs(page, member, `/account/api-keys/${key.id}`);
		await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Shared');
		await api.changeKey(key, { name: 'Renamed by an administrator' });

		await page.getByRole('button', { name: 'Disable key' }).click();
		await expect(
			page.getByRole('alert').filter({ hasText: 'Somebody changed this key meanwhile' })
		).toBeVisible();
		await page.getByRole('button', { name: 'Load the current version' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Renamed by an administrator' })).toBeVisible();
		await expect(page.getByRole('button', { name: 'Disable key' })).toBeVisible();
	});

	test('a key of somebody else does not exist, whatever the address says (AD-05)', async ({
		page,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 404 .*\/api\/me\/tokens\//);
		const key = await api.createKey((await people.create()).id, { name: 'Of somebody else' });
		await openAs(page, await people.create(), `/account/api-keys/${key.id}`);

		await expect(page.getByRole('heading', { level: 1, name: 'This key does not exist' })).toBeVisible();
		await page.goto(`/api-keys/${key.owner.id}/${key.id}`);
		await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
	});

	test('a key that never ends is offered to administrators, who are told what it needs (AD-14)', async ({
		page,
		people,
		newDevice
	}) => {
		await openAs(page, await people.create(), '/account/api-keys/new');
		await expect(page.getByLabel('Ends').getByRole('option', { name: 'Never' })).toHaveCount(0);

		const other = await newDevice();
		const operator = await people.create({ roles: ['Admin', 'User'] });
		await openAs(other, operator);
		await other.route('**/api/dashboard', async (route) => {
			const response = await route.fetch();
			const body = (await response.json()) as { me: object };
			const me = { ...body.me, auth_time: new Date(Date.now() - 3_600_000).toISOString() };
			await route.fulfill({ response, json: { ...body, me } });
		});
		await other.goto('/account/api-keys/new');
		await expect(other.getByText('Saving needs a fresh sign-in')).toBeHidden();
		await other.getByLabel('Ends').selectOption('never');
		await expect(other.getByText('Saving needs a fresh sign-in')).toBeVisible();
		await other.getByLabel('Ends').selectOption('30');
		await expect(other.getByText('Saving needs a fresh sign-in')).toBeHidden();
		await other.getByRole('checkbox', { name: 'Admin' }).check();
		await expect(other.getByText('Saving needs a fresh sign-in')).toBeVisible();
	});

	test('keys that cannot be loaded are not called none, and can be asked for again', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 503 .*\/api\/me\/tokens$/);
		await page.route('**/api/me/tokens', (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				body: JSON.stringify({ status: 503, code: 'unavailable', title: 'Unavailable', detail: 'Away.' })
			})
		);
		await openAs(page, await people.create(), '/account/api-keys');

		const alert = page.getByRole('alert').filter({ hasText: 'Your API keys could not be loaded' });
		await expect(alert).toBeVisible();
		await expect(page.getByText('You have no API key')).toBeHidden();
		await page.unroute('**/api/me/tokens');
		await alert.getByRole('button', { name: 'Try again' }).click();

		await expect(page.getByText('You have no API key')).toBeVisible();
	});

	test('one more than there may be is refused with a sentence', async ({ page, people, watch }) => {
		watch.expect(/status of 422 .*\/api\/me\/tokens$/);
		const message = 'There are 100 keys already. Revoke one of them first.';
		await openAs(page, await people.create(), '/account/api-keys/new');
		await page.route('**/api/me/tokens', (route) =>
			route.fulfill({
				status: 422,
				contentType: 'application/problem+json',
				body: JSON.stringify({
					status: 422,
					code: 'validation_failed',
					title: 'Unprocessable Content',
					detail: 'Not acceptable.',
					errors: [{ field: 'owner', code: 'too_many_keys', message }]
				})
			})
		);
		await page.getByLabel('Name', { exact: true }).fill(`Key ${unique()}`);
		await page.getByRole('button', { name: 'Make key' }).click();

		await expect(page.getByRole('alert').filter({ hasText: message })).toBeVisible();
	});
});
