import { names, navigateSPA, openAs, rows, searchBox } from '../../support/app';
import { expect, test } from '../../support/journey';
import { unique } from '../../support/people';

test.describe('C · The list of users', () => {
	test('an admin finds users by part of a name or of an address @phone', async ({ page, admin, people }) => {
		const [first, second] = [
			await people.create({ password: false }),
			await people.create({ password: false })
		];
		await openAs(page, admin);
		await navigateSPA(page, 'Users');

		await searchBox(page).fill(first.username.slice(3));
		await expect(names(page)).toHaveText([first.username]);
		await expect(page.getByRole('status').filter({ hasText: '1 user' })).toBeVisible();
		await searchBox(page).fill(second.email.toUpperCase());
		await expect(names(page)).toHaveText([second.username]);
		await expect(page).toHaveURL(`/users?search=${encodeURIComponent(second.email.toUpperCase())}`);

		// The way back from a user keeps the list as it was.
		await names(page).first().click();
		await expect(page.getByRole('heading', { level: 1, name: second.username })).toBeVisible();
		await page.goBack();
		await expect(names(page)).toHaveText([second.username]);
		await expect(searchBox(page)).toHaveValue(second.email.toUpperCase());
	});

	test('percent signs, underscores and quotes in a search are themselves (AD-08)', async ({
		page,
		admin,
		people
	}) => {
		const mark = unique();
		const made = [];
		for (const sign of ['%', '_', "'", 'x'])
			made.push(await people.create({ name: `${mark}${sign}lit`, password: false }));
		const [percent, underscore, quote] = made.map(({ username }) => username);
		await openAs(page, admin, `/users?search=${mark}`);
		await expect(rows(page)).toHaveCount(4);

		await searchBox(page).fill(`${mark}%`);
		await expect(names(page)).toHaveText([percent ?? '']);
		await searchBox(page).fill(`${mark}_`);
		await expect(names(page)).toHaveText([underscore ?? '']);
		await searchBox(page).fill(`${mark}'`);
		await expect(names(page)).toHaveText([quote ?? '']);
		await searchBox(page).fill(`${mark}' OR '1'='1`);
		await expect(page.getByText('No user matches')).toBeVisible();
	});

	test('filters by role and status narrow the list and can be cleared', async ({
		page,
		admin,
		people,
		api
	}) => {
		const role = `Tester${unique()}`;
		const active = await people.create({ roles: [role], password: false });
		const disabled = await people.create({ roles: [role, 'User'], password: false });
		const other = await people.create({ password: false });
		await api.change(disabled.id, { disabled: true });
		await openAs(page, admin, '/users?search=member-');
		await expect(names(page).filter({ hasText: other.username })).toBeVisible();

		await page.getByRole('combobox', { name: 'Role' }).selectOption(role);
		await expect(names(page)).toHaveText([active.username, disabled.username].sort());
		await page.getByRole('combobox', { name: 'Status' }).selectOption('Disabled');
		await expect(names(page)).toHaveText([disabled.username]);
		await expect(rows(page).getByText('Disabled')).toBeVisible();
		await searchBox(page).fill(active.username);
		await expect(page.getByText('No user matches')).toBeVisible();
		await expect(page).toHaveURL(`/users?search=${active.username}&role=${role}&status=disabled`);

		await page.getByRole('button', { name: 'Clear filters' }).click();
		await expect(page).toHaveURL('/users');
		await expect(names(page).filter({ hasText: new RegExp(`^${admin.username}$`) })).toBeVisible();
	});

	test('column headers sort, and say how', async ({ page, admin, people }) => {
		const mark = unique();
		const made = [];
		for (const name of [`b${mark}`, `c${mark}`, `a${mark}`])
			made.push((await people.create({ name, password: false })).username);
		const ascending = [...made].sort();
		const header = (name: string) => page.getByRole('columnheader', { name });
		await openAs(page, admin, `/users?search=${mark}`);

		await expect(names(page)).toHaveText(ascending);
		await expect(header('User')).toHaveAttribute('aria-sort', 'ascending');
		await header('User').getByRole('button').click();
		await expect(names(page)).toHaveText([...ascending].reverse());
		await expect(header('User')).toHaveAttribute('aria-sort', 'descending');
		await header('E-mail').getByRole('button').click();
		await expect(names(page)).toHaveText(ascending);
		await expect(header('User')).not.toHaveAttribute('aria-sort');
		await header('Created').getByRole('button').click();
		await expect(names(page)).toHaveText([...made].reverse());
		await expect(header('Created')).toHaveAttribute('aria-sort', 'descending');
		await expect(page).toHaveURL(`/users?search=${mark}&sort=-created_at`);
	});

	test('a long list comes page by page, each user once', async ({ page, admin, people }) => {
		const mark = unique();
		for (let made = 0; made < 55; made += 1)
			await people.create({ name: `${String(made).padStart(2, '0')}-${mark}`, password: false });
		await openAs(page, admin, `/users?search=${mark}`);

		await expect(rows(page)).toHaveCount(50);
		await expect(page.getByText('50 of 55 users')).toBeVisible();
		await page.getByRole('button', { name: 'Load more' }).click();

		await expect(rows(page)).toHaveCount(55);
		await expect(page.getByText('55 users', { exact: true })).toBeVisible();
		await expect(page.getByRole('button', { name: 'Load more' })).toBeHidden();
		expect(new Set(await names(page).allInnerTexts()).size).toBe(55);
	});

	test('a list that cannot be loaded says so and offers another try (C9)', async ({ page, admin, watch }) => {
		watch.expect(/ERR_FAILED .*\/users\/v1/, /status of 500 .*\/users\/v1/);
		await openAs(page, admin);
		await page.route('**/users/v1?*', (route) =>
			route.fulfill({
				status: 500,
				contentType: 'application/problem+json',
				json: {
					type: 'about:blank',
					title: 'Internal server error',
					status: 500,
					detail: 'Something went wrong.',
					code: 'internal_error',
					request_id: 'req-0123456789'
				}
			})
		);
		await navigateSPA(page, 'Users');
		const alert = page.getByRole('alert').filter({ hasText: 'The users could not be loaded' });
		await expect(alert).toContainText('Something went wrong on the server.');
		await expect(alert).toContainText('req-0123456789');

		await page.unrouteAll();
		await page.route('**/users/v1?*', (route) => route.abort());
		await alert.getByRole('button', { name: 'Try again' }).click();
		await expect(page.getByRole('alert')).toContainText(
			'The server cannot be reached. Check your connection.'
		);

		await page.unrouteAll();
		await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
		await expect(names(page).filter({ hasText: new RegExp(`^${admin.username}$`) })).toBeVisible();
		await expect(page.getByRole('alert')).toHaveCount(0);
	});

	test('placeholders stand in for users that are still on their way', async ({ page, admin }) => {
		await openAs(page, admin);
		let release = () => {};
		const held = new Promise<void>((resolve) => (release = resolve));
		await page.route('**/users/v1?*', async (route) => {
			await held;
			await route.continue();
		});

		await navigateSPA(page, 'Users');
		await expect(page.getByRole('table', { name: 'Users' })).toHaveAttribute('aria-busy', 'true');
		await expect(rows(page)).toHaveCount(0);
		release();

		await expect(names(page).filter({ hasText: new RegExp(`^${admin.username}$`) })).toBeVisible();
		await expect(page.getByRole('table', { name: 'Users' })).toHaveAttribute('aria-busy', 'false');
		await page.unrouteAll({ behavior: 'wait' });
	});
});
