/** What a person does in the app, by the names they see. */
import { expect, type Locator, type Page } from '@playwright/test';
import { signIn } from './api';
import type { Credentials } from './installation';

/** Sign in through the form; ends on the page that the app shows afterwards. */
export async function loginAs(page: Page, who: Credentials, login = who.username): Promise<void> {
	if (!/\/login(?:[?#]|$)/.test(page.url())) await page.goto('/login');
	await fillLogin(page, login, who.password);
	await expect(accountButton(page)).toBeVisible();
}

export async function fillLogin(page: Page, login: string, password: string): Promise<void> {
	await page.getByLabel('User name or e-mail').fill(login);
	await page.getByLabel('Password', { exact: true }).fill(password);
	await page.getByRole('button', { name: 'Sign in' }).click();
}

/** The dashboard names whom the server knows. */
export async function expectSignedIn(page: Page, username: string): Promise<void> {
	await expect(page.getByRole('main').getByText(`Signed in as ${username}`)).toBeVisible();
}

/** Open a page as somebody, without the form: where signing in is not what the journey is about. */
export async function openAs(page: Page, who: Credentials, path = '/'): Promise<void> {
	await signIn(page.context().request, who);
	await page.goto(path);
	await expect(accountButton(page)).toBeVisible();
}

/** Follow a link of the main navigation, and make sure that the document stayed. */
export async function navigateSPA(page: Page, label: 'Dashboard' | 'Users'): Promise<void> {
	const before = await documentOf(page);
	await openMenu(page);
	await navigation(page).getByRole('link', { name: label, exact: true }).click();
	await expect(page.getByRole('heading', { level: 1, name: label, exact: true })).toBeVisible();
	expect(await documentOf(page), 'the page was not loaded anew').toBe(before);
}

/** On a phone the navigation is behind a button. */
export async function openMenu(page: Page): Promise<void> {
	const button = page.getByRole('button', { name: 'Menu', exact: true });
	if ((await button.isVisible()) && (await button.getAttribute('aria-expanded')) === 'false')
		await button.click();
}

export function navigation(page: Page): Locator {
	return page.getByRole('navigation', { name: 'Main' });
}

export function accountButton(page: Page): Locator {
	return page.getByRole('button', { name: 'Account', exact: true });
}

export async function signOut(page: Page, item: 'Sign out' | 'Sign out everywhere'): Promise<void> {
	await accountButton(page).click();
	await page.getByRole('menuitem', { name: item, exact: true }).click();
	await expect(page.getByRole('status').filter({ hasText: 'You are signed out.' })).toBeVisible();
	await expect(loginForm(page)).toBeVisible();
}

/** Something only the sign-in page of the app has. */
export function loginForm(page: Page): Locator {
	return page.getByRole('heading', { level: 1, name: 'Sign in', exact: true });
}

/** The page is the sign-in form, of a transaction that the issuer began. */
export async function expectTransaction(page: Page): Promise<void> {
	await expect(page.getByLabel('User name or e-mail')).toBeVisible();
	expect(page.url()).toMatch(/\/login\?transaction=[0-9A-Za-z]{22}(?:#[a-z-]+)?$/);
}

export function searchBox(page: Page): Locator {
	return page.getByRole('searchbox', { name: 'Search users' });
}

/** The rows of the users list, without its header. */
export function rows(page: Page): Locator {
	return page
		.getByRole('table', { name: 'Users' })
		.getByRole('row')
		.filter({ has: page.getByRole('rowheader') });
}

/** The user names in the list, top to bottom. */
export function names(page: Page): Locator {
	return rows(page).getByRole('link');
}

/** The access token that the page sends with what `action` makes it ask. */
export async function tokenSentBy(page: Page, action: () => Promise<unknown>): Promise<string> {
	const [request] = await Promise.all([
		page.waitForRequest((sent) => /^Bearer /.test(sent.headers()['authorization'] ?? '')),
		action()
	]);
	return (request.headers()['authorization'] ?? '').replace('Bearer ', '');
}

/** What the page does when its tab is looked at again. */
export async function comeBackTo(page: Page): Promise<void> {
	await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
}

async function documentOf(page: Page): Promise<number> {
	return await page.evaluate(() => performance.timeOrigin);
}
