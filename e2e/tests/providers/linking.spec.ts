import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { openAs } from '../../support/app';
import { expect, test } from '../../support/journey';
import { cancelUpstream, signInUpstream, type Account } from '../../support/upstream';

test.describe('D · Linked accounts', () => {
	const section = (page: Page): Locator => page.getByRole('region', { name: 'Linked accounts' });
	const entries = (page: Page): Locator => section(page).getByRole('listitem');
	const toast = (page: Page, text: string): Locator => page.getByRole('status').filter({ hasText: text });

	/** Link an account from the own page; ends there. */
	async function link(page: Page, displayName: string, account: Account): Promise<void> {
		await section(page)
			.getByRole('button', { name: `Link ${displayName}` })
			.click();
		await signInUpstream(page, account);
		await expect(page.getByRole('heading', { level: 1, name: 'Sessions and devices' })).toBeVisible();
	}

	test('an account is linked and unlinked again @phone', async ({ page, people, upstream, newProvider }) => {
		const provider = await newProvider();
		const account = await upstream.createAccount();
		await openAs(page, await people.create(), '/account');
		await expect(section(page).getByText('No account is linked')).toBeVisible();

		await link(page, provider.display_name, account);

		await expect(toast(page, `${provider.display_name} is linked.`)).toBeVisible();
		await expect(page).toHaveURL('/account');
		await expect(entries(page)).toHaveCount(1);
		await expect(entries(page)).toContainText(provider.display_name);
		await expect(entries(page)).toContainText(account.email);
		await expect(entries(page)).toContainText(/linked .* used /);
		await expectAccessibleInBothThemes(page, 'a linked account');

		await section(page)
			.getByRole('button', { name: `Unlink ${provider.display_name}` })
			.click();
		const dialog = page.getByRole('dialog', { name: `Unlink ${provider.display_name}?` });
		await expectAccessible(page, 'the question');
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		await expect(entries(page)).toHaveCount(1);
		await section(page)
			.getByRole('button', { name: `Unlink ${provider.display_name}` })
			.click();
		await dialog.getByRole('button', { name: 'Unlink', exact: true }).click();

		await expect(toast(page, `${provider.display_name} is unlinked.`)).toBeVisible();
		await expect(section(page).getByText('No account is linked')).toBeVisible();
		await expect(page.getByRole('heading', { name: 'Linked accounts' })).toBeFocused();
	});

	test('the last way to sign in cannot be unlinked, and says why', async ({
		page,
		people,
		upstream,
		newProvider
	}) => {
		const [first, second] = [await newProvider(), await newProvider()];
		const account = await upstream.createAccount();
		await page.goto('/login');
		await page.getByRole('link', { name: `Continue with ${first.display_name}` }).click();
		await signInUpstream(page, account);
		await expect(page.getByRole('main').getByText('Signed in as')).toBeVisible();
		await people.adopt(account.username);
		await page.goto('/account');

		const unlink = section(page).getByRole('button', { name: `Unlink ${first.display_name}` });
		await expect(unlink).toBeDisabled();
		await expect(unlink).toHaveAccessibleDescription(/the only way in which you can sign in/);
		await expectAccessible(page, 'the only way to sign in');

		// One more, and either may go. Both registrations are of the same people: another one is needed.
		await link(page, second.display_name, await upstream.createAccount());
		await expect(entries(page)).toHaveCount(2);
		await expect(unlink).toBeEnabled();
		await unlink.click();
		await page.getByRole('dialog').getByRole('button', { name: 'Unlink', exact: true }).click();
		await expect(entries(page)).toHaveCount(1);
		await expect(section(page).getByRole('button', { name: `Unlink ${second.display_name}` })).toBeDisabled();
	});

	test('what is linked to somebody else stays so', async ({
		page,
		people,
		upstream,
		newProvider,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 409 .*\/auth\/v1\/oauth\/callback\//);
		const provider = await newProvider();
		const account = await upstream.createAccount();
		const owner = await newDevice();
		await openAs(owner, await people.create(), '/account');
		await link(owner, provider.display_name, account);
		await expect(entries(owner)).toHaveCount(1);

		await openAs(page, await people.create(), '/account');
		await section(page)
			.getByRole('button', { name: `Link ${provider.display_name}` })
			.click();
		await signInUpstream(page, account);

		await expect(page.getByText('is linked to somebody else here')).toBeVisible();
		await page.getByRole('link', { name: 'Back to your account' }).click();
		await expect(section(page).getByText('No account is linked')).toBeVisible();
		await owner.reload();
		await expect(entries(owner)).toHaveCount(1);
	});

	test('who says no at the provider comes back with nothing linked', async ({
		page,
		people,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 400 .*\/auth\/v1\/oauth\/callback\//);
		const provider = await newProvider();
		await openAs(page, await people.create(), '/account');
		await section(page)
			.getByRole('button', { name: `Link ${provider.display_name}` })
			.click();

		await cancelUpstream(page);
		await page.getByRole('link', { name: 'Back to your account' }).click();

		await expect(section(page).getByText('No account is linked')).toBeVisible();
	});

	test('an old sign-in is asked for the password again, and comes back to the page', async ({
		page,
		people,
		upstream,
		newProvider,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/oauth\/link$/);
		const provider = await newProvider();
		const member = await people.create();
		await openAs(page, member, '/account');
		await page.route('**/auth/v1/oauth/link', (route) =>
			route.fulfill({
				status: 401,
				contentType: 'application/problem+json',
				body: JSON.stringify({ status: 401, code: 'reauthentication_required', detail: 'Sign in again.' })
			})
		);
		await section(page)
			.getByRole('button', { name: `Link ${provider.display_name}` })
			.click();
		const alert = page.getByRole('alert').filter({ hasText: 'Nothing was linked' });
		await expect(alert).toContainText('fresh sign-in');
		await expectAccessible(page, 'a sign-in that is too old');
		await page.unroute('**/auth/v1/oauth/link');

		await alert.getByRole('link', { name: 'Sign in again' }).click();
		await page.getByLabel('User name or e-mail').fill(member.username);
		await page.getByLabel('Password', { exact: true }).fill(member.password);
		await page.getByRole('button', { name: 'Sign in' }).click();

		await expect(page).toHaveURL('/account');
		await link(page, provider.display_name, await upstream.createAccount());
		await expect(entries(page)).toHaveCount(1);
	});

	test('an address that says something is linked makes nobody believe it', async ({
		page,
		people,
		newProvider
	}) => {
		const provider = await newProvider();
		await openAs(page, await people.create(), `/account?linked=${provider.name}`);

		await expect(page).toHaveURL('/account');
		await expect(section(page).getByText('No account is linked')).toBeVisible();
		await expect(page.getByText(`${provider.display_name} is linked.`)).toBeHidden();
	});

	test('an administrator sees what is linked to a user, and unlinks it', async ({
		page,
		admin,
		people,
		upstream,
		newProvider,
		newDevice
	}) => {
		const provider = await newProvider();
		const member = await people.create();
		const device = await newDevice();
		await openAs(device, member, '/account');
		const account = await upstream.createAccount();
		await link(device, provider.display_name, account);
		await expect(entries(device)).toHaveCount(1);

		await openAs(page, admin, `/users/${member.id}`);
		await expect(entries(page)).toContainText(account.email);
		await expectAccessible(page, 'a user with a linked account');
		await section(page)
			.getByRole('button', { name: `Unlink ${provider.display_name}` })
			.click();
		await page.getByRole('dialog').getByRole('button', { name: 'Unlink', exact: true }).click();

		await expect(toast(page, `${provider.display_name} is unlinked from ${member.username}.`)).toBeVisible();
		await expect(section(page).getByText('signs in through no identity provider')).toBeVisible();
		await device.reload();
		await expect(section(device).getByText('No account is linked')).toBeVisible();
	});

	test('an administrator says that an address is known to be somebody’s', async ({
		page,
		admin,
		api,
		people
	}) => {
		const member = await people.create({ password: false });
		await openAs(page, admin, `/users/${member.id}`);
		const known = page.getByRole('checkbox', { name: 'The address is known to be theirs' });
		await expect(known).not.toBeChecked();

		await known.check();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(toast(page, 'are saved.')).toBeVisible();
		expect((await api.get(member.id)).email_verified).toBe(true);

		// Another address is nobody's yet.
		await page.getByLabel('E-mail', { exact: true }).fill(`other-${member.email}`);
		await expect(known).not.toBeChecked();
		await page.getByRole('button', { name: 'Save changes' }).click();
		await expect(page.getByText('Not confirmed')).toBeVisible();
		expect((await api.get(member.id)).email_verified).toBe(false);
	});
});
