import { accountButton, fillLogin, loginForm, openAs } from '../../support/app';
import { expect, test } from '../../support/journey';

test.describe('A · Without a mouse', () => {
	test('somebody signs in and out with the keyboard alone', async ({ page, people }) => {
		const person = await people.create();
		await page.goto('/login');
		await expect(page.getByLabel('User name or e-mail')).toBeVisible();

		await page.keyboard.press('Tab');
		await expect(page.getByRole('radio', { name: 'System' })).toBeFocused();
		await page.keyboard.press('Tab');
		await expect(page.getByLabel('User name or e-mail')).toBeFocused();
		await page.keyboard.type(person.username);
		await page.keyboard.press('Tab');
		await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
		await page.keyboard.type(person.password);
		await page.keyboard.press('Tab');
		await expect(page.getByRole('button', { name: 'Show password' })).toBeFocused();
		await page.keyboard.press('Tab');
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeFocused();
		await page.keyboard.press('Enter');
		await expect(accountButton(page)).toBeVisible();

		await accountButton(page).focus();
		await page.keyboard.press('ArrowDown');
		await expect(page.getByRole('menuitem', { name: 'Sign out', exact: true })).toBeFocused();
		await page.keyboard.press('ArrowDown');
		await expect(page.getByRole('menuitem', { name: 'Sign out everywhere' })).toBeFocused();
		await page.keyboard.press('ArrowDown');
		await expect(page.getByRole('menuitem', { name: 'Sign out', exact: true })).toBeFocused();
		await page.keyboard.press('Escape');
		await expect(page.getByRole('menu')).toBeHidden();
		await expect(accountButton(page)).toBeFocused();

		await page.keyboard.press('Enter');
		await expect(page.getByRole('menuitem', { name: 'Sign out', exact: true })).toBeFocused();
		await page.keyboard.press('Enter');
		await expect(loginForm(page)).toBeVisible();
	});

	test('the first stop of a page leads past the navigation', async ({ page, people }) => {
		await openAs(page, await people.create());
		const skip = page.getByRole('link', { name: 'Skip to the content' });
		await expect(skip).not.toBeInViewport();

		await page.keyboard.press('Tab');
		await expect(skip).toBeFocused();
		await expect(skip).toBeInViewport();
		await page.keyboard.press('Enter');

		await expect(page.getByRole('main')).toBeFocused();
	});

	test('a dialog keeps the focus inside, closes with Escape and gives the focus back', async ({
		page,
		admin
	}) => {
		await openAs(page, admin, '/users');
		const opener = page.getByRole('button', { name: 'New user' });
		await opener.focus();
		await page.keyboard.press('Enter');
		const dialog = page.getByRole('dialog', { name: 'New user' });
		await expect(dialog).toBeVisible();

		const inside = () => dialog.evaluate((element) => element.contains(document.activeElement));
		expect(await inside()).toBe(true);
		for (let stop = 0; stop < 25; stop += 1) {
			await page.keyboard.press('Tab');
			// Past the last stop the browser's own controls come; nothing of the page behind.
			expect((await page.evaluate(() => document.activeElement === document.body)) || (await inside())).toBe(
				true
			);
		}
		await page.keyboard.press('Escape');

		await expect(dialog).toBeHidden();
		await expect(opener).toBeFocused();
	});

	test('after a page change the focus is not lost in the old page', async ({ page, admin }) => {
		await page.goto('/login');
		await fillLogin(page, admin.username, admin.password);
		await expect(accountButton(page)).toBeVisible();

		await page.getByRole('link', { name: 'Users', exact: true }).focus();
		await page.keyboard.press('Enter');
		await expect(page.getByRole('heading', { level: 1, name: 'Users' })).toBeVisible();
		await page.keyboard.press('Tab');

		await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused();
	});
});
