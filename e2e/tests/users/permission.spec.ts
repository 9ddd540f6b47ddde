import { listUsersWith } from '../../support/api';
import { comeBackTo, navigation, openAs, openMenu, tokenSentBy } from '../../support/app';
import { expect, test } from '../../support/journey';

test.describe('C · Who may manage users', () => {
	test('a plain user has no way there, and is refused at the address and by the server (AD-01) @phone', async ({
		page,
		people,
		request
	}) => {
		const person = await people.create();
		await openAs(page, person);
		await openMenu(page);
		await expect(navigation(page).getByRole('link')).toHaveText([
			'Dashboard',
			'Sessions and devices',
			'Your API keys'
		]);
		const token = await tokenSentBy(page, () => comeBackTo(page));

		for (const path of ['/users', `/users/${person.id}`]) {
			await page.goto(path);
			await expect(page.getByRole('heading', { level: 1, name: 'You may not open this page' })).toBeVisible();
			await expect(page.getByText('This page is for people with the role Admin.')).toBeVisible();
		}

		const refused = await listUsersWith(request, token);
		expect(refused.status()).toBe(403);
		expect(await refused.json()).toMatchObject({ status: 403, code: 'insufficient_role' });
	});

	test('somebody without any role is told so on the dashboard', async ({ page, people, watch }) => {
		watch.expect(/status of 403 .*\/api\/dashboard$/);
		const person = await people.create({ roles: ['Billing'] });

		await openAs(page, person);

		await expect(page.getByRole('alert')).toContainText('Your account has no role for this page');
		await expect(page.getByText('Operational')).toBeHidden();
	});

	test('a plain user sees the state of the system without its figures, an admin sees all', async ({
		page,
		people,
		admin,
		newDevice
	}) => {
		await openAs(page, await people.create());
		const issuer = (on: typeof page) => on.getByRole('article', { name: 'Issuer' });
		await expect(issuer(page)).toContainText('Up');
		await expect(issuer(page).getByText('Uptime')).toBeHidden();
		await expect(issuer(page).getByText('Pools')).toBeHidden();

		const other = await newDevice();
		await openAs(other, admin);
		await expect(issuer(other)).toContainText('Up');
		await expect(issuer(other).getByText('Uptime')).toBeVisible();
		const feed = other
			.getByRole('article', { name: 'API' })
			.getByRole('term')
			.filter({ hasText: 'Revocation feed' });
		await expect(feed).toBeVisible();
	});
});
