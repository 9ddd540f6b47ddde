import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { navigation, openAs, openMenu } from '../../support/app';
import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';
import { unique } from '../../support/people';

test.describe('D · Identity providers @embedded', () => {
	const toast = (page: Page, text: string): Locator => page.getByRole('status').filter({ hasText: text });
	const rows = (page: Page): Locator =>
		page.getByRole('table', { name: 'Identity providers' }).getByRole('row');

	/** What a test of the connection found, by the name of the check. */
	function finding(page: Page, check: string): Locator {
		return page
			.getByRole('list', { name: 'What was tried' })
			.getByRole('listitem')
			.filter({ has: page.getByText(check, { exact: true }) });
	}

	/** Nothing moves the page sideways. */
	async function expectToFit(page: Page): Promise<void> {
		const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
		expect(wide).toBeLessThanOrEqual(window ?? 0);
	}

	/** Answer the next changes as to somebody whose sign-in is from long ago. */
	async function asLongAgo(page: Page): Promise<void> {
		await page.route('**/auth/v1/providers**', async (route) => {
			if (!['POST', 'PATCH'].includes(route.request().method())) return await route.fallback();
			await route.fulfill({
				status: 401,
				contentType: 'application/problem+json',
				body: JSON.stringify({ status: 401, code: 'reauthentication_required', detail: 'Sign in again.' })
			});
		});
	}

	test('an administrator finds them in the navigation, and is told what they are for @phone', async ({
		page,
		admin
	}) => {
		await page.route('**/auth/v1/providers', (route) =>
			route.fulfill({ json: { items: [], next: null, total: 0 } })
		);
		await openAs(page, admin);
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Identity providers' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Identity providers' })).toBeVisible();
		await expect(
			page.getByRole('status').filter({ hasText: 'No identity provider is registered' })
		).toBeVisible();
		await expectAccessibleInBothThemes(page, 'no provider');
		await page.getByRole('link', { name: 'Add provider' }).click();
		await expect(page.getByRole('link', { name: 'Keycloak' })).toBeVisible();
		await expectAccessibleInBothThemes(page, 'what to begin with');
		await expectToFit(page);
	});

	test('one is registered with a preset, after its connection was tested @phone', async ({
		page,
		admin,
		api,
		upstream,
		context,
		watch
	}) => {
		watch.expect(/status of 422 .*\/auth\/v1\/providers(?:\/test|\/[0-9a-f-]{36})?$/);
		await context.grantPermissions(['clipboard-read', 'clipboard-write']);
		const name = `keycloak-${unique()}`;
		const redirectUri = `${installation().url}/auth/v1/oauth/callback/${name}`;
		const client = await upstream.registerClient(redirectUri);
		await openAs(page, admin, '/providers/new');
		await page.getByRole('link', { name: 'Keycloak' }).click();
		await expect(page.getByLabel('Display name')).toHaveValue('Keycloak');

		// What is missing is said before anything is asked.
		await page.getByRole('button', { name: 'Register provider' }).click();
		await expect(page.getByLabel('Host')).toBeFocused();
		await expect(page.getByLabel('Realm')).toHaveAccessibleDescription(/this part of the address/);
		await expect(page.getByLabel('Client secret')).toHaveAccessibleDescription(/Copy the secret/);
		await expectAccessibleInBothThemes(page, 'a new provider with mistakes');

		await page.getByLabel('Display name').fill(`Company ${name}`);
		await page.getByLabel('Name', { exact: true }).fill(name);
		await page.getByLabel('Host').fill(new URL(upstream.issuer).host);
		await page.getByLabel('Realm').fill('no-such-realm');
		await page.getByLabel('Client id').fill(client.id);
		await page.getByLabel('Client secret').fill('not the secret');
		await expect(page.getByLabel('Redirect URI')).toHaveValue(redirectUri);
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(page.getByText('The connection does not work')).toBeVisible();
		await expect(finding(page, 'Metadata')).toContainText('Failed');
		await expect(finding(page, 'Metadata')).toContainText('Check its address');
		await expectAccessibleInBothThemes(page, 'a connection that does not work');

		// The server asks too before it offers the provider to people, and says so at the address.
		await page.getByRole('button', { name: 'Register provider' }).click();
		await expect(page.getByLabel('Realm')).toBeFocused();
		await expect(page.getByLabel('Realm')).toHaveAccessibleDescription(/No usable answer came from it/);
		expect(await api.findProvider(name)).toBeNull();

		// Saved without being offered, it may be away. Then it gets its real address.
		await page.getByRole('checkbox', { name: 'Offer it on the sign-in page' }).uncheck();
		await page.getByRole('button', { name: 'Register provider' }).click();
		await expect(toast(page, `Company ${name} is registered.`)).toBeVisible();
		await expect(page.getByRole('heading', { level: 1, name: `Company ${name}` })).toBeVisible();
		await expect(page.getByLabel('Client secret')).toHaveValue('');
		expect(await page.content()).not.toContain('not the secret');
		await expect(page.getByText('Disabled').first()).toBeVisible();
		await page.getByRole('button', { name: 'Copy redirect URI' }).click();
		expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(redirectUri);
		await expect(page.getByLabel('Back-channel logout URI')).toHaveValue(
			`${installation().url}/auth/v1/oauth/backchannel-logout/${name}`
		);

		// The secret is for the address that it was given for.
		await page.getByLabel('Issuer').fill(upstream.issuer);
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByLabel('Client secret')).toBeFocused();
		await expect(page.getByLabel('Client secret')).toHaveAccessibleDescription(/for the new address/);
		await page.getByLabel('Client secret').fill('not the secret either');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'are saved.')).toBeVisible();
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(finding(page, 'Client id and secret')).toContainText('Failed');
		await page.getByLabel('Client secret').fill(client.secret);
		await expect(page.getByText('Something was changed since')).toBeVisible();
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(page.getByText('The connection works')).toBeVisible();
		await expect(finding(page, 'Client id and secret')).toContainText('OK');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByLabel('Client secret')).toHaveValue('');
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(finding(page, 'Client id and secret')).toContainText('OK');
		await expectAccessibleInBothThemes(page, 'a provider whose connection works');
		await expectToFit(page);

		await page.getByRole('button', { name: 'Enable provider' }).click();
		await expect(toast(page, 'is enabled.')).toBeVisible();
		await page.goto('/providers');
		const row = rows(page).filter({ hasText: name });
		await expect(row).toContainText(new URL(upstream.issuer).host);
		await expect(row).toContainText('Enabled');
		await expectAccessibleInBothThemes(page, 'the list');
		await expectToFit(page);
		const registered = await api.findProvider(name);
		await api.disableProvider(registered?.id ?? '');
	});

	test('everything of it is changed on one page, by what it is about', async ({
		page,
		admin,
		api,
		newProvider
	}) => {
		const provider = await newProvider();
		await openAs(page, admin, `/providers/${provider.id}`);
		await page.getByText('More settings').click();
		await page.getByRole('radio', { name: /^Always/ }).check();
		await page.getByLabel('Allowed domains').fill('Example.test\nexample.org');
		await page.getByRole('checkbox', { name: 'Create accounts' }).uncheck();
		await page.getByRole('button', { name: 'Add a group' }).click();
		await expect(page.getByLabel('Group 1', { exact: true })).toBeFocused();
		await page.getByLabel('Group 1', { exact: true }).fill('staff');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByText('Each line names a group and a role.')).toBeVisible();
		await expect(page.getByLabel('Groups', { exact: true })).toHaveAccessibleDescription(
			/claim that has the groups/
		);
		await page.getByLabel('Role of group 1').fill('Reports');
		await page.getByLabel('Groups', { exact: true }).fill('groups');
		await page.getByLabel('Scopes').fill('openid email groups');
		await page.getByRole('checkbox', { name: 'Sign out there too' }).check();
		await page.getByLabel('Ask again after').fill('600');
		await page.getByRole('checkbox', { name: 'Its access tokens manage API keys' }).check();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByLabel('Audiences')).toBeFocused();
		await page.getByLabel('Audiences').fill('api://keys');
		await page.getByLabel('Group of key administrators').fill('key-admins');
		await page.getByLabel('Icon').selectOption('GitLab');
		await page.getByLabel('Order').fill('7');
		await expectAccessibleInBothThemes(page, 'all settings of a provider');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'are saved.')).toBeVisible();

		expect(await api.findProvider(provider.name)).toMatchObject({
			trust_email: 'always',
			allowed_domains: ['example.test', 'example.org'],
			create_users: false,
			group_roles: [{ group: 'staff', role: 'Reports' }],
			claims: { groups: 'groups' },
			scopes: ['openid', 'email', 'groups'],
			end_upstream_session: true,
			refresh_seconds: 600,
			api_access: { audiences: ['api://keys'], admin_group: 'key-admins', subject: null, tenant: null },
			icon: 'gitlab',
			position: 7
		});
		await page.reload();
		await page.getByText('More settings').click();
		await expect(page.getByLabel('Role of group 1')).toHaveValue('Reports');
		await page.getByRole('button', { name: 'Remove group 1' }).click();
		await expect(page.getByLabel('Group 1', { exact: true })).toBeHidden();
		await expect(page.getByRole('button', { name: 'Discard' })).toBeVisible();
	});

	test('what the server refuses is named at its field, also below what is folded away', async ({
		page,
		admin,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 422 .*\/auth\/v1\/providers\//, /status of 409 .*\/auth\/v1\/providers$/);
		const provider = await newProvider();
		await openAs(page, admin, `/providers/${provider.id}`);
		await page.getByText('More settings').click();
		await page.getByLabel('Allowed domains').fill('not a domain!');
		await page.getByText('More settings').click();
		await expect(page.getByLabel('Allowed domains')).toBeHidden();
		await page.getByRole('button', { name: 'Save changes' }).click();

		await expect(page.getByLabel('Allowed domains')).toBeFocused();
		await expect(page.getByLabel('Allowed domains')).toHaveAccessibleDescription(
			/names such as example\.com/
		);

		await page.goto('/providers/new?kind=oidc');
		await page.getByLabel('Display name').fill('The same again');
		await page.getByLabel('Name', { exact: true }).fill(provider.name);
		await page.getByLabel('Issuer').fill(provider.issuer ?? '');
		await page.getByLabel('Client id').fill('any');
		await page.getByLabel('Client secret').fill('any');
		await page.getByRole('button', { name: 'Register provider' }).click();
		await expect(page.getByLabel('Name', { exact: true })).toBeFocused();
		await expect(page.getByLabel('Name', { exact: true })).toHaveAccessibleDescription(/already/);
	});

	test('an OAuth 2.0 provider names its endpoints', async ({ page, admin, api, upstream, watch }) => {
		watch.expect(/status of 422 .*\/auth\/v1\/providers/);
		const name = `code-${unique()}`;
		const client = await upstream.registerClient(`${installation().url}/auth/v1/oauth/callback/${name}`);
		await openAs(page, admin, '/providers/new?preset=github');
		await page.getByLabel('Display name').fill(`Code ${name}`);
		await page.getByLabel('Name', { exact: true }).fill(name);
		await page.getByLabel('Authorization endpoint').fill(`${upstream.github}/login/oauth/authorize`);
		await page.getByLabel('Token endpoint').fill(`${upstream.github}/login/oauth/access_token`);
		await page.getByLabel('User endpoint').fill(`${upstream.github}/user`);
		await page.getByLabel('E-mail endpoint').fill(`${upstream.github}/user/emails`);
		await page.getByLabel('Client id').fill(client.id);
		await page.getByLabel('Client secret').fill(client.secret);
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(page.getByText('The connection works')).toBeVisible();
		await expect(page.getByLabel('Back-channel logout URI')).toBeHidden();
		await expectAccessible(page, 'an OAuth 2.0 provider');

		await page.getByRole('button', { name: 'Register provider' }).click();

		await expect(toast(page, `Code ${name} is registered.`)).toBeVisible();
		const registered = await api.findProvider(name);
		expect(registered).toMatchObject({ kind: 'oauth2', issuer: null, scopes: ['read:user', 'user:email'] });
		await api.disableProvider(registered?.id ?? '');
	});

	test('it is disabled only by whoever says so twice, and enabled again', async ({
		page,
		admin,
		api,
		newProvider
	}) => {
		const provider = await newProvider();
		await openAs(page, admin, `/providers/${provider.id}`);
		await page.getByRole('button', { name: 'Disable provider' }).click();
		const dialog = page.getByRole('dialog', { name: `Disable ${provider.display_name}?` });
		await expectAccessible(page, 'the question');
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		expect((await api.findProvider(provider.name))?.enabled).toBe(true);

		await page.getByRole('button', { name: 'Disable provider' }).click();
		await dialog.getByRole('button', { name: 'Disable provider' }).click();
		await expect(toast(page, 'is disabled.')).toBeVisible();
		expect((await api.findProvider(provider.name))?.enabled).toBe(false);
		await page.getByRole('button', { name: 'Enable provider' }).click();
		await expect(toast(page, 'is enabled.')).toBeVisible();
		expect((await api.findProvider(provider.name))?.enabled).toBe(true);
	});

	test('somebody else’s change meanwhile is not overwritten', async ({
		page,
		admin,
		api,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 412 .*\/auth\/v1\/providers\//);
		const provider = await newProvider();
		await openAs(page, admin, `/providers/${provider.id}`);
		await expect(page.getByLabel('Display name')).toHaveValue(provider.display_name);
		await api.changeProvider(provider.id, { position: 5 });

		await page.getByLabel('Display name').fill('Overtaken');
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByRole('alert')).toContainText('Somebody changed this provider meanwhile');
		await page.getByRole('button', { name: 'Load the current version' }).click();

		await expect(page.getByLabel('Display name')).toHaveValue(provider.display_name);
		await page.getByText('More settings').click();
		await expect(page.getByLabel('Order')).toHaveValue('5');
	});

	test('an old sign-in is renewed in another tab, and what was typed is still there', async ({
		page,
		context,
		admin,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/providers\//);
		const provider = await newProvider();
		await openAs(page, admin, `/providers/${provider.id}`);
		await page.getByLabel('Display name').fill(`Renamed ${provider.name}`);
		await asLongAgo(page);
		await page.getByRole('button', { name: 'Save changes' }).click();
		const alert = page.getByRole('alert').filter({ hasText: 'fresh sign-in' });
		await expect(alert).toBeVisible();
		await expectAccessible(page, 'a sign-in that is too old');
		await page.unroute('**/auth/v1/providers**');

		const [tab] = await Promise.all([
			context.waitForEvent('page'),
			alert.getByRole('link', { name: 'Sign in again in a new tab' }).click()
		]);
		await tab.getByLabel('User name or e-mail').fill(admin.username);
		await tab.getByLabel('Password', { exact: true }).fill(admin.password);
		await tab.getByRole('button', { name: 'Sign in' }).click();
		await expect(tab).toHaveURL(`/providers/${provider.id}`);
		await tab.close();

		await expect(page.getByLabel('Display name')).toHaveValue(`Renamed ${provider.name}`);
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'are saved.')).toBeVisible();
	});

	test('whoever has been signed in for long hears so before they fill in a form', async ({
		page,
		admin,
		newProvider
	}) => {
		const provider = await newProvider();
		await page.route('**/api/dashboard', async (route) => {
			const response = await route.fetch();
			const body = (await response.json()) as { me: { auth_time: string } };
			body.me.auth_time = '2020-01-01T00:00:00Z';
			await route.fulfill({ response, json: body });
		});
		await openAs(page, admin, `/providers/${provider.id}`);

		await expect(page.getByText('Saving needs a fresh sign-in')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'a notice about an old sign-in');
	});

	test('a provider that does not exist is said not to', async ({ page, admin, watch }) => {
		watch.expect(/status of 404 .*\/auth\/v1\/providers\//);
		await openAs(page, admin, '/providers/019bc0de-0000-7000-8000-000000000001');

		await expect(page.getByRole('heading', { name: 'This provider does not exist' })).toBeVisible();
	});

	test('whoever is no administrator sees neither the pages nor a link to them', async ({ page, people }) => {
		await openAs(page, await people.create());
		await expect(navigation(page).getByRole('link', { name: 'Identity providers' })).toBeHidden();
		for (const path of ['/providers', '/providers/new']) {
			await page.goto(path);
			await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
		}
	});
});
