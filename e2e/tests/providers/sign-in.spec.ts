import type { Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { accountButton, expectSignedIn, fillLogin, signOut } from '../../support/app';
import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';
import { expectNoTokens } from '../../support/leaks';
import { newPassword } from '../../support/people';
import { atUpstream, cancelUpstream, signInUpstream, type Account } from '../../support/upstream';

test.describe('D · Sign in with another identity provider', () => {
	/** Go from the sign-in page to a provider, and sign in there. */
	async function signInWith(page: Page, displayName: string, account: Account): Promise<void> {
		await page.goto('/login');
		await page.getByRole('link', { name: `Continue with ${displayName}` }).click();
		await signInUpstream(page, account);
	}

	/** The page on which the password of an account is asked for. */
	async function expectQuestion(page: Page, email: string, displayName: string): Promise<void> {
		await expect(page.getByRole('heading', { level: 1, name: 'Link your account' })).toBeVisible();
		await expect(page.getByText(`There is an account with ${email} already.`)).toBeVisible();
		await expect(page.getByRole('button', { name: `Link with ${displayName}` })).toBeVisible();
	}

	async function link(page: Page, password: string): Promise<void> {
		await page.getByLabel('Password', { exact: true }).fill(password);
		await page.getByRole('button', { name: /^Link with / }).click();
	}

	test('the first sign-in makes an account, the second finds it @phone', async ({
		page,
		api,
		people,
		upstream,
		newProvider
	}) => {
		const provider = await newProvider();
		const account = await upstream.createAccount({ name: 'Newly Arrived' });

		await signInWith(page, provider.display_name, account);
		await expectSignedIn(page, account.username);
		await people.adopt(account.username);
		await expectNoTokens(page);
		const user = await api.find(account.username);
		expect(user).toMatchObject({
			email: account.email,
			email_verified: true,
			display_name: 'Newly Arrived',
			roles: ['User'],
			has_password: false
		});

		await signOut(page, 'Sign out');
		await page.context().clearCookies({ domain: new URL(upstream.issuer).hostname });
		await signInWith(page, provider.display_name, account);
		await expectSignedIn(page, account.username);
		expect(await api.list({ search: account.username })).toHaveLength(1);
		expect((await api.find(account.username))?.id).toBe(user?.id);
	});

	test('it goes on to the page that somebody wanted, and to the application that asked', async ({
		page,
		people,
		upstream,
		newProvider,
		application
	}) => {
		const provider = await newProvider();
		const account = await upstream.createAccount();
		await page.goto('/account');
		await page.getByRole('link', { name: `Continue with ${provider.display_name}` }).click();
		await signInUpstream(page, account);
		await expect(page).toHaveURL('/account');
		await people.adopt(account.username);

		await page.goto(application.request({ prompt: 'login' }));
		await page.getByRole('link', { name: `Continue with ${provider.display_name}` }).click();
		await signInUpstream(page, account);
		await page.getByRole('button', { name: 'Allow' }).click();
		const answer = await application.answer(page);
		expect((await application.redeem(page, answer)).scope).toContain('openid');
	});

	test('whoever brings the address of an account is asked for its password, and linked with it @phone', async ({
		page,
		people,
		upstream,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/login\/local$/);
		const provider = await newProvider();
		const member = await people.create();
		const account = await upstream.createAccount({ email: member.email, verified: false });

		await signInWith(page, provider.display_name, account);
		await expectQuestion(page, member.email, provider.display_name);
		await page.getByRole('button', { name: /^Link with / }).click();
		await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
		await expect(page.getByLabel('Password', { exact: true })).toHaveAccessibleDescription(
			/password of the account/
		);
		await link(page, newPassword());
		await expect(page.getByRole('alert')).toContainText('not right');
		await expectAccessibleInBothThemes(page, 'a link that asks');
		await link(page, member.password);
		await expectSignedIn(page, member.username);

		// Linked now: the provider alone is enough, and it still knows the browser.
		await signOut(page, 'Sign out');
		await page.getByRole('link', { name: `Continue with ${provider.display_name}` }).click();
		await expectSignedIn(page, member.username);
	});

	test('an account that others may have opened loses its old password to the owner of the address', async ({
		page,
		api,
		people,
		upstream,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/login\/local$/);
		const provider = await newProvider();
		const member = await people.create();
		const account = await upstream.createAccount({ email: member.email, verified: true });

		await signInWith(page, provider.display_name, account);
		await expectQuestion(page, member.email, provider.display_name);
		await expect(page.getByText('its old password ends with this')).toBeVisible();
		await link(page, member.password);
		await expectSignedIn(page, member.username);

		expect(await api.get(member.id)).toMatchObject({ email_verified: true, has_password: false });
		await signOut(page, 'Sign out');
		await fillLogin(page, member.username, member.password);
		await expect(page.getByRole('alert')).toBeVisible();
	});

	test('two verified addresses are one person, and nobody is asked', async ({
		page,
		api,
		people,
		upstream,
		newProvider
	}) => {
		const provider = await newProvider();
		const member = await people.create();
		await api.change(member.id, { email_verified: true });
		const account = await upstream.createAccount({ email: member.email, verified: true });

		await signInWith(page, provider.display_name, account);

		await expectSignedIn(page, member.username);
		expect((await api.get(member.id)).has_password).toBe(true);
	});

	test('whoever does not know the password takes another way', async ({
		page,
		people,
		upstream,
		newProvider
	}) => {
		const provider = await newProvider();
		const member = await people.create();
		const account = await upstream.createAccount({ email: member.email });
		await signInWith(page, provider.display_name, account);
		await expectQuestion(page, member.email, provider.display_name);

		await page.getByRole('link', { name: 'Use another way to sign in' }).click();

		await expect(page.getByRole('link', { name: `Continue with ${provider.display_name}` })).toBeVisible();
		await fillLogin(page, member.username, member.password);
		await expect(accountButton(page)).toBeVisible();
	});

	test('a link is used once, and known in no other browser', async ({
		page,
		people,
		upstream,
		newProvider,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 40[04] .*\/auth\/v1\/oauth\/pending-links\//);
		const provider = await newProvider();
		const member = await people.create();
		const account = await upstream.createAccount({ email: member.email });
		await signInWith(page, provider.display_name, account);
		await expectQuestion(page, member.email, provider.display_name);
		const address = page.url();

		const other = await newDevice();
		await other.goto(address);
		await expect(other.getByRole('heading', { level: 1, name: 'This has expired' })).toBeFocused();
		await expectAccessible(other, 'a link that is over');
		expect(await other.content()).not.toContain(member.email);

		await link(page, member.password);
		await expectSignedIn(page, member.username);
		await page.goto(address);
		await expect(page.getByRole('heading', { level: 1, name: 'This has expired' })).toBeVisible();
		await page.getByRole('link', { name: 'Begin again' }).click();
		await expectSignedIn(page, member.username);
	});

	test('who says no at the provider is back at the choice', async ({
		page,
		upstream,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 400 .*\/auth\/v1\/oauth\/callback\//);
		const provider = await newProvider();
		await upstream.createAccount();
		await page.goto('/login');
		await page.getByRole('link', { name: `Continue with ${provider.display_name}` }).click();

		await cancelUpstream(page);

		await expect(page.getByRole('heading', { level: 1, name: 'This sign-in cannot go on' })).toBeVisible();
		await expect(page.getByText('was not completed')).toBeVisible();
		await expectAccessible(page, 'what the issuer says of a sign-in that cannot go on');
		await page.getByRole('link', { name: 'Choose another way to sign in' }).click();
		await expect(page.getByRole('link', { name: `Continue with ${provider.display_name}` })).toBeVisible();
	});

	test('a disabled provider has no button, and refuses in words whoever is on the way', async ({
		page,
		api,
		upstream,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 400 .*\/auth\/v1\/oauth\//);
		const provider = await newProvider();
		const account = await upstream.createAccount();
		await page.goto('/login');
		const button = page.getByRole('link', { name: `Continue with ${provider.display_name}` });
		await button.click();
		await atUpstream(page);
		await api.disableProvider(provider.id);

		await signInUpstream(page, account);
		await expect(page.getByText('This way to sign in is not available.')).toBeVisible();
		await page.getByRole('link', { name: 'Choose another way to sign in' }).click();
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
		await expect(button).toBeHidden();
		expect(await api.find(account.username)).toBeNull();
	});

	test('without the list of providers there is still the password', async ({ page, people, watch }) => {
		watch.expect(/status of 503 .*\/auth\/v1\/sign-in-options$/);
		await page.route('**/auth/v1/sign-in-options', (route) => route.fulfill({ status: 503, json: {} }));
		const member = await people.create();
		await page.goto('/login');

		await fillLogin(page, member.username, member.password);

		await expectSignedIn(page, member.username);
	});

	test('the password is not kept waiting for the list of providers', async ({ page, people }) => {
		let release = () => {};
		const held = new Promise<void>((resolve) => (release = resolve));
		await page.route('**/auth/v1/sign-in-options', async (route) => {
			await held;
			await route.fulfill({
				json: { providers: [{ name: 'late', display_name: 'Late', icon: 'openid', is_default: false }] }
			});
		});
		const member = await people.create();
		await page.goto('/login');
		await expect(page.getByLabel('User name or e-mail')).toBeVisible();
		await expect(page.getByRole('link', { name: /^Continue with / })).toBeHidden();

		release();
		await expect(page.getByRole('link', { name: 'Continue with Late' })).toBeVisible();
		await fillLogin(page, member.username, member.password);

		await expectSignedIn(page, member.username);
	});

	test('signing out goes on at a provider that ends its own session', async ({
		page,
		people,
		upstream,
		newProvider
	}) => {
		const provider = await newProvider({ end_upstream_session: true });
		await upstream.registerClient(provider.redirect_uri, {
			client_id: provider.client.id,
			client_secret: provider.client.secret,
			post_logout_redirect_uris: [`${installation().url}/signed-out`]
		});
		const account = await upstream.createAccount();
		await signInWith(page, provider.display_name, account);
		await expectSignedIn(page, account.username);
		await people.adopt(account.username);

		await accountButton(page).click();
		await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
		await page.getByRole('button', { name: 'Sign out' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'You are signed out' })).toBeVisible();
		await page.getByRole('link', { name: 'Sign in again' }).click();
		await page.getByRole('link', { name: `Continue with ${provider.display_name}` }).click();
		await atUpstream(page);
	});
});
