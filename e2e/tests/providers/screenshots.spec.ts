import { openAs } from '../../support/app';
import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';
import { newPassword } from '../../support/people';
import { compare } from '../../support/pictures';
import { pin, pinProviders } from '../../support/pinned';
import { signInUpstream, type Account } from '../../support/upstream';

// The providers of the pictures, by what they are there to show.
const gallery = [
	{ name: 'picture-google', display_name: 'Google', icon: 'google' },
	{ name: 'picture-github', display_name: 'GitHub', icon: 'github' },
	{ name: 'picture-staff', display_name: 'The staff of a company with a long name', icon: 'keycloak' },
	{ name: 'picture-former', display_name: 'A former one', icon: 'openid', disabled: true }
] as const;
const names = gallery.map(({ name }) => name);
const member = { username: 'picture-member', email: 'member@example.com', password: newPassword() };
const administrator = {
	username: 'picture-admin',
	email: 'picture-admin@example.com',
	password: newPassword()
};

test.describe('D · Pictures @phone', () => {
	let stranger: Account;

	test.beforeAll(async ({ api }) => {
		for (const { username } of [member, administrator]) {
			const old = await api.find(username);
			if (old) await api.remove(old.id);
		}
		await api.createUser({ ...member, roles: ['User'] });
		await api.createUser({ ...administrator, roles: ['Admin', 'User'] });
	});
	test.afterAll(async ({ api }) => {
		for (const { username } of [member, administrator]) {
			const user = await api.find(username);
			if (user) await api.remove(user.id);
		}
		for (const name of names) {
			const provider = await api.findProvider(name);
			if (provider?.enabled) await api.disableProvider(provider.id);
		}
	});
	test.beforeEach(async ({ page, api, upstream }) => {
		stranger = await upstream.createAccount({ email: member.email, verified: false });
		// They stay registered, and are enabled again for the pictures of another size.
		for (const [position, { name, display_name, icon, ...rest }] of gallery.entries()) {
			const client = await upstream.registerClient(`${installation().url}/auth/v1/oauth/callback/${name}`);
			const settings = {
				display_name,
				icon,
				position,
				enabled: !('disabled' in rest),
				is_default: position === 0,
				issuer: upstream.issuer,
				client_id: client.id,
				client_secret: client.secret
			};
			const found = await api.findProvider(name);
			if (found) await api.changeProvider(found.id, settings);
			else await api.createProvider({ name, ...settings });
		}
		await pin(page, []);
		await pinProviders(page, names);
	});

	test('the sign-in with other ways, and an account that is asked for its password', async ({ page }) => {
		await page.goto('/login');
		await expect(page.getByRole('link', { name: 'Continue with Google' })).toBeVisible();
		await compare(page, 'login-providers');

		await page.getByRole('link', { name: 'Continue with Google' }).click();
		await signInUpstream(page, stranger);
		await expect(page.getByRole('button', { name: 'Link with Google' })).toBeVisible();
		await compare(page, 'link-account');
	});

	test('a link that is over', async ({ page, watch }) => {
		watch.expect(/status of 400 .*\/auth\/v1\/oauth\/pending-links\//);
		await page.goto('/login/link?pending=0000000000000000000000');
		await expect(page.getByRole('heading', { level: 1, name: 'This has expired' })).toBeVisible();

		await compare(page, 'link-over');
	});

	test('the own account with nothing linked, and with one', async ({ page }) => {
		await openAs(page, member, '/account');
		await expect(page.getByText('No account is linked')).toBeVisible();
		await compare(page, 'account-unlinked');

		await page.getByRole('button', { name: 'Link Google' }).click();
		await signInUpstream(page, stranger);
		await expect(page.getByRole('button', { name: /^Unlink Google/ })).toBeVisible();
		await page.getByRole('button', { name: 'Dismiss' }).click();
		await compare(page, 'account-linked');
		await page.getByRole('button', { name: /^Unlink Google/ }).click();
		await page.getByRole('dialog').getByRole('button', { name: 'Unlink', exact: true }).click();
		await expect(page.getByText('No account is linked')).toBeVisible();
	});

	test('the providers', async ({ page }) => {
		await openAs(page, administrator, '/providers');
		await expect(page.getByRole('link', { name: 'A former one' })).toBeVisible();

		await compare(page, 'providers');
	});

	test('what a new provider begins with', async ({ page }) => {
		await openAs(page, administrator, '/providers/new');
		await expect(page.getByRole('link', { name: 'Keycloak' })).toBeVisible();

		await compare(page, 'new-provider-choice');
	});

	test('a new provider, with mistakes', async ({ page }) => {
		await openAs(page, administrator, '/providers/new?preset=keycloak');
		await page.getByRole('button', { name: 'Register provider' }).click();
		await expect(page.getByLabel('Host')).toBeFocused();

		await compare(page, 'new-provider', { fullPage: false });
	});

	test('one provider with all its settings', async ({ page, api }) => {
		const provider = await api.findProvider('picture-staff');
		await openAs(page, administrator, `/providers/${provider?.id}`);
		await expect(page.getByLabel('Display name')).toBeVisible();
		await page.getByText('More settings').click();

		await compare(page, 'provider');
	});

	test('a connection that was tested', async ({ page }) => {
		await page.route('**/auth/v1/providers/test', (route) =>
			route.fulfill({
				json: {
					findings: [
						{ check: 'address', outcome: 'ok', message: 'The issuer can be reached.' },
						{ check: 'discovery', outcome: 'ok', message: 'The provider publishes its metadata.' },
						{
							check: 'scopes',
							outcome: 'warning',
							message: 'The provider does not announce these scopes: groups.'
						},
						{ check: 'credentials', outcome: 'failed', message: 'The client id or secret are not right.' }
					]
				}
			})
		);
		await openAs(page, administrator, '/providers/new?preset=google');
		await page.getByLabel('Client id').fill('paseport');
		await page.getByLabel('Client secret').fill('secret');
		await page.getByRole('button', { name: 'Test connection' }).click();
		await expect(page.getByText('The connection does not work')).toBeVisible();

		await compare(page, 'provider-test');
	});
});
