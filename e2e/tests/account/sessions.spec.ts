import type { Locator, Page } from '@playwright/test';
import { expectAccessible, expectAccessibleInBothThemes } from '../../support/accessibility';
import { loginForm, navigation, openAs, openMenu } from '../../support/app';
import { expect, test } from '../../support/journey';

test.describe('Sessions and devices', () => {
	/** The entries of one section of the page. */
	function entries(page: Page, section: string): Locator {
		return page.getByRole('region', { name: section }).getByRole('list').first().locator(':scope > li');
	}

	function toast(page: Page, text: string): Locator {
		return page.getByRole('status').filter({ hasText: text });
	}

	test('everybody finds the page in the navigation, with this browser marked @phone', async ({
		page,
		people
	}) => {
		await openAs(page, await people.create());
		await openMenu(page);
		await navigation(page).getByRole('link', { name: 'Sessions and devices' }).click();

		await expect(page.getByRole('heading', { level: 1, name: 'Sessions and devices' })).toBeVisible();
		await expect(entries(page, 'Browsers')).toHaveCount(1);
		await expect(entries(page, 'Browsers')).toContainText('This browser');
		await expect(entries(page, 'Browsers')).toContainText(/Chrome on Linux|Chrome on Android/);
		await expect(page.getByText('No device is signed in')).toBeVisible();
		await expect(page.getByText('You allowed nothing yet')).toBeVisible();
		await expectAccessibleInBothThemes(page, 'sessions and devices');
	});

	test('another browser is signed out from here, by keyboard', async ({ page, people, newDevice, watch }) => {
		watch.expect(/status of 400 .*\/auth\/v1\/refresh$/);
		const member = await people.create();
		const other = await newDevice();
		await openAs(other, member);
		await openAs(page, member, '/account');
		await expect(entries(page, 'Browsers')).toHaveCount(2);
		await expect(entries(page, 'Browsers').first()).toContainText('This browser');

		const button = entries(page, 'Browsers')
			.nth(1)
			.getByRole('button', { name: /^Sign out / });
		await button.focus();
		await page.keyboard.press('Enter');

		await expect(toast(page, 'is signed out.')).toBeVisible();
		await expect(entries(page, 'Browsers')).toHaveCount(1);
		await expect(page.getByRole('heading', { name: 'Browsers' })).toBeFocused();
		await other.goto('/');
		await expect(loginForm(other)).toBeVisible();
		await page.reload();
		await expect(entries(page, 'Browsers')).toContainText('This browser');
	});

	test('this browser is signed out like from the menu', async ({ page, people }) => {
		await openAs(page, await people.create(), '/account');

		await page.getByRole('button', { name: 'Sign out of this browser' }).click();

		await expect(loginForm(page)).toBeVisible();
		await page.goBack();
		await expect(page.getByText('Devices and background access')).toBeHidden();
	});

	test('everything is signed out after a question', async ({ page, people, newDevice, watch }) => {
		watch.expect(/status of 400 .*\/auth\/v1\/refresh$/);
		const member = await people.create();
		const other = await newDevice();
		await openAs(other, member);
		await openAs(page, member, '/account');

		await page.getByRole('button', { name: 'Sign out everywhere' }).click();
		const dialog = page.getByRole('dialog', { name: 'Sign out everywhere?' });
		await expectAccessible(page, 'the question');
		await dialog.getByRole('button', { name: 'Cancel' }).click();
		await expect(entries(page, 'Browsers')).toHaveCount(2);
		await page.getByRole('button', { name: 'Sign out everywhere' }).click();
		await dialog.getByRole('button', { name: 'Sign out everywhere' }).click();

		await expect(loginForm(page)).toBeVisible();
		await other.goto('/');
		await expect(loginForm(other)).toBeVisible();
	});

	test('a device that outlives the browser is seen and ended', async ({ page, people, application }) => {
		await openAs(page, await people.create());
		await page.goto(application.request({ scope: 'openid offline_access' }));
		await page.getByRole('button', { name: 'Allow' }).click();
		const tokens = await application.redeem(page, await application.answer(page));
		await page.goto('/account');
		await expect(entries(page, 'Devices and background access')).toContainText(application.name);

		await page.getByRole('button', { name: `Sign out ${application.name}` }).click();

		await expect(toast(page, `${application.name} is signed out.`)).toBeVisible();
		await expect(page.getByText('No device is signed in')).toBeVisible();
		const refreshed = await page.request.post('/oauth2/token', {
			form: {
				grant_type: 'refresh_token',
				client_id: application.id,
				refresh_token: tokens.refresh_token ?? ''
			}
		});
		expect([refreshed.status(), ((await refreshed.json()) as { error: string }).error]).toEqual([
			400,
			'invalid_grant'
		]);
	});

	test('an application with access is named with what it may do, and loses it (TE-15)', async ({
		page,
		people,
		application
	}) => {
		await openAs(page, await people.create());
		await page.goto(application.request({ scope: 'openid email offline_access' }));
		await page.getByRole('button', { name: 'Allow' }).click();
		await application.redeem(page, await application.answer(page));
		await page.goto('/account');
		const listed = entries(page, 'Applications with access');
		await expect(listed).toContainText(application.name);
		await expect(listed).toContainText('See your e-mail address');
		await expectAccessible(page, 'with a device and an application');

		await page.getByRole('button', { name: `Withdraw access of ${application.name}` }).click();
		await page
			.getByRole('dialog', { name: `Withdraw access of ${application.name}?` })
			.getByRole('button', { name: 'Withdraw access' })
			.click();

		await expect(toast(page, `${application.name} has no access any more.`)).toBeVisible();
		await expect(page.getByText('You allowed nothing yet')).toBeVisible();
		await expect(page.getByText('No device is signed in')).toBeVisible();
		await expect(page.getByRole('heading', { name: 'Applications with access' })).toBeFocused();
		await page.goto(application.request());
		await expect(page.getByRole('heading', { name: `${application.name} asks for access` })).toBeVisible();
	});

	test('what was not confirmed is not called signed out, and can be tried again', async ({
		page,
		people,
		newDevice,
		watch
	}) => {
		watch.expect(/status of 503 .*\/me\/v1\/sessions\//);
		const member = await people.create();
		await openAs(await newDevice(), member);
		await openAs(page, member, '/account');
		await expect(entries(page, 'Browsers')).toHaveCount(2);
		await page.route('**/me/v1/sessions/*', (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				headers: { 'Retry-After': '1' },
				body: JSON.stringify({ status: 503, code: 'unavailable', title: 'Unavailable', detail: 'Away.' })
			})
		);
		const button = entries(page, 'Browsers')
			.nth(1)
			.getByRole('button', { name: /^Sign out / });

		await button.click();
		await expect(
			page.getByRole('alert').filter({ hasText: 'Nothing was confirmed as signed out' })
		).toBeVisible();
		await expect(entries(page, 'Browsers')).toHaveCount(2);
		await page.unroute('**/me/v1/sessions/*');
		await button.click();

		await expect(entries(page, 'Browsers')).toHaveCount(1);
	});

	test('the lists that can be loaded are shown while the others cannot', async ({ page, people, watch }) => {
		watch.expect(/status of 503 .*\/me\/v1\/consents$/);
		await page.route('**/me/v1/consents', (route) =>
			route.fulfill({
				status: 503,
				contentType: 'application/problem+json',
				body: JSON.stringify({ status: 503, code: 'unavailable', title: 'Unavailable', detail: 'Away.' })
			})
		);
		await openAs(page, await people.create(), '/account');

		await expect(entries(page, 'Browsers')).toHaveCount(1);
		const alert = page.getByRole('alert').filter({ hasText: 'The applications could not be loaded' });
		await expect(alert).toBeVisible();
		await page.unroute('**/me/v1/consents');
		await alert.getByRole('button', { name: 'Try again' }).click();

		await expect(page.getByText('You allowed nothing yet')).toBeVisible();
	});
});
