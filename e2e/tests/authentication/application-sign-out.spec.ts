import type { Page } from '@playwright/test';
import type { Application, Tokens } from '../../support/application';
import { comeBackTo, expectSignedIn, fillLogin, loginForm, openAs } from '../../support/app';
import { expect, test } from '../../support/journey';
import { expectNoTokens } from '../../support/leaks';

test.describe('A · Signing out at the wish of another application', () => {
	const question = (page: Page) => page.getByRole('heading', { level: 1, name: 'Sign out?' });
	const confirm = (page: Page) => page.getByRole('button', { name: 'Sign out' });

	/** Go through the application's sign-in as whoever is signed in. */
	async function use(page: Page, application: Application): Promise<Tokens> {
		await page.goto(application.request());
		await page.getByRole('button', { name: 'Allow' }).click();
		return await application.redeem(page, await application.answer(page));
	}

	test('with a token of this very session nobody is asked, and a tab of the app notices', async ({
		context,
		page,
		people,
		application,
		watch
	}) => {
		watch.expect(/status of 401 .*\/api\/dashboard$/);
		await openAs(page, await people.create());
		const other = await context.newPage();
		const { id_token } = await use(other, application);

		await other.goto(
			application.signOut({
				id_token_hint: id_token,
				post_logout_redirect_uri: `${application.origin}/goodbye`,
				state: 'bye'
			})
		);

		await expect(other).toHaveURL(`${application.origin}/goodbye?state=bye`);
		await comeBackTo(page);
		await expect(loginForm(page)).toBeVisible();
	});

	test('a mere link has to be confirmed, and then every tab is signed out (TE-25) @phone', async ({
		context,
		page,
		people,
		application
	}) => {
		const person = await people.create();
		await openAs(page, person);
		const other = await context.newPage();

		await other.goto(application.signOut({ client_id: application.id, state: 'bye' }));
		await expect(question(other)).toBeVisible();
		await expect(other).toHaveTitle('Sign out · Paseport');
		await page.reload();
		await expectSignedIn(page, person.username);
		await confirm(other).click();

		await expect(other.getByRole('heading', { level: 1, name: 'You are signed out' })).toBeVisible();
		await expect(other).toHaveURL('/signed-out');
		await expect(loginForm(page)).toBeVisible();
		await other.getByRole('link', { name: 'Sign in again' }).click();
		await fillLogin(other, person.username, person.password);
		await expectSignedIn(other, person.username);
	});

	test('somebody who stays signed in goes on in the app', async ({ page, people, application }) => {
		const person = await people.create();
		await openAs(page, person);
		await page.goto(application.signOut({}));

		await page.getByRole('link', { name: 'Stay signed in' }).click();

		await expectSignedIn(page, person.username);
	});

	test('a token of an earlier session leads back to the application, and not through the address bar (BF-01)', async ({
		page,
		people,
		application
	}) => {
		const [former, next] = [await people.create(), await people.create()];
		await openAs(page, former);
		const { id_token } = await use(page, application);
		await openAs(page, next);

		await page.goto(
			application.signOut({
				id_token_hint: id_token,
				post_logout_redirect_uri: `${application.origin}/goodbye`,
				state: 'bye'
			})
		);
		await expect(question(page)).toBeVisible();
		await expect(page).toHaveURL('/sign-out');
		await expectNoTokens(page, [id_token]);
		await confirm(page).click();

		await expect(page).toHaveURL(`${application.origin}/goodbye?state=bye`);
	});

	test('an address that is not the application’s is not followed', async ({ page, people, application }) => {
		await openAs(page, await people.create());
		const { id_token } = await use(page, application);

		await page.goto(
			application.signOut({
				id_token_hint: id_token,
				post_logout_redirect_uri: 'https://evil.example/goodbye'
			})
		);
		await confirm(page).click();

		await expect(page).toHaveURL('/signed-out');
	});

	test('a sign-out that the server did not confirm says that the session is still open', async ({
		page,
		people,
		application,
		watch
	}) => {
		watch.expect(/status of 503 .*\/auth\/v1\/logout\/confirm$/);
		const person = await people.create();
		await openAs(page, person);
		await page.goto(application.signOut({}));
		await page.route('**/auth/v1/logout/confirm', (route) =>
			route.fulfill({ status: 503, contentType: 'application/problem+json', json: { code: 'unavailable' } })
		);
		await confirm(page).click();
		await expect(page.getByRole('alert')).toContainText('You are still signed in');

		await page.unrouteAll();
		await confirm(page).click();

		await expect(page).toHaveURL('/signed-out');
		await page.goto('/');
		await expect(loginForm(page)).toBeVisible();
	});
});
