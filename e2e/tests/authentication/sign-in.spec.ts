import { cookieName } from '../../support/installation';
import { accountButton, fillLogin, loginAs, loginForm, openAs, expectSignedIn } from '../../support/app';
import { expect, test } from '../../support/journey';
import { newPassword, unique } from '../../support/people';

test.describe('A · Signing in', () => {
	test('somebody signs in with the user name or with the e-mail address @phone', async ({
		page,
		people,
		newDevice
	}) => {
		const person = await people.create();

		await page.goto('/');
		await expect(loginForm(page)).toBeVisible();
		await expect(page).toHaveTitle('Sign in · Paseport');
		await loginAs(page, person);
		await expectSignedIn(page, person.username);

		const other = await newDevice();
		await loginAs(other, person, person.email.toUpperCase());
		await expectSignedIn(other, person.username);
	});

	test('a browser without a session is told so once', async ({ page }) => {
		const answers: number[] = [];
		page.on('response', (response) => {
			if (response.url().endsWith('/auth/v1/refresh')) answers.push(response.status());
		});

		await page.goto('/');
		await expect(loginForm(page)).toBeVisible();

		expect(answers).toEqual([401]);
	});

	test('Caps Lock is named, and a click on the button below the warning is not lost', async ({ page }) => {
		await page.goto('/login');
		const password = page.getByLabel('Password', { exact: true });
		await password.focus();
		// Browsers read the state of the key from the system, which a journey cannot change.
		await password.evaluate((input) =>
			input.dispatchEvent(new KeyboardEvent('keydown', { key: 'A', bubbles: true, modifierCapsLock: true }))
		);
		await expect(page.getByText('Caps Lock is on.')).toBeVisible();

		const box = await page.getByRole('button', { name: 'Sign in' }).boundingBox();
		if (box === null) throw new Error('the button is not shown');
		// Near its lower edge, which moves up when the warning goes.
		await page.mouse.click(box.x + box.width / 2, box.y + box.height - 4, { delay: 100 });

		await expect(page.getByLabel('User name or e-mail')).toBeFocused();
		await expect(page.getByText('Caps Lock is on.')).toBeHidden();
	});

	test('a wrong password and an unknown user are told the same, once, and the password is ready to be typed again', async ({
		page,
		people,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/login\/local$/);
		const person = await people.create();
		const password = page.getByLabel('Password', { exact: true });
		await page.goto('/login');

		const told: string[] = [];
		for (const login of [person.username, `nobody-${unique()}`]) {
			const answered = page.waitForResponse('**/auth/v1/login/local');
			await fillLogin(page, login, newPassword());
			expect((await answered).status()).toBe(401);
			await expect(page.getByRole('alert')).toHaveCount(1);
			told.push(await page.getByRole('alert').innerText());
			await expect(password).toBeFocused();
			expect(
				await password.evaluate((input: HTMLInputElement) => [
					input.selectionStart,
					input.selectionEnd === input.value.length
				]),
				'typing replaces the wrong password'
			).toEqual([0, true]);
			await expect(accountButton(page)).toBeHidden();
		}

		expect(told[0]).toBe('The user name or the password is not right.');
		expect(told[1]).toBe(told[0]);
	});

	test('a disabled user is told the same as a wrong password (LG-02)', async ({
		page,
		people,
		api,
		watch
	}) => {
		watch.expect(/status of 401 .*\/auth\/v1\/login\/local$/);
		const person = await people.create();
		await api.change(person.id, { disabled: true });
		await page.goto('/login');

		await fillLogin(page, person.username, person.password);

		await expect(page.getByRole('alert')).toHaveText('The user name or the password is not right.');
	});

	test('an empty field is named before anything is sent', async ({ page }) => {
		let sent = 0;
		page.on('request', (request) => (sent += Number(request.url().endsWith('/auth/v1/login/local'))));
		await page.goto('/login');

		await page.getByRole('button', { name: 'Sign in' }).click();
		const username = page.getByLabel('User name or e-mail');
		await expect(username).toBeFocused();
		await expect(username).toHaveAccessibleDescription(/Type your user name or e-mail\./);

		await username.fill('somebody');
		await page.getByRole('button', { name: 'Sign in' }).click();
		const password = page.getByLabel('Password', { exact: true });
		await expect(password).toBeFocused();
		await expect(password).toHaveAccessibleDescription(/Type your password\./);
		expect(sent).toBe(0);
	});

	test('a link to a protected page leads through the sign-in and back to it', async ({ page, admin }) => {
		await page.goto('/users?status=disabled&sort=-email');
		await expect(loginForm(page)).toBeVisible();

		await loginAs(page, admin);

		await expect(page).toHaveURL('/users?status=disabled&sort=-email');
		await expect(page.getByRole('combobox', { name: 'Status' })).toHaveValue('disabled');
		await page.goBack();
		await expect(page, 'the sign-in form is not left in the history').not.toHaveURL(/\/login/);
	});

	test('a return address that leads elsewhere is ignored (BF-10, AZ-23)', async ({ page, people }) => {
		const person = await people.create();
		await page.goto('/login?next=//evil.example/path');
		await loginAs(page, person);
		await expect(page).toHaveURL('/');

		// Signed in, the sign-in page only follows its return address.
		for (const next of [
			'https://evil.example/',
			'/\\evil.example',
			'/\t/evil.example',
			'///evil.example',
			'/%2f%2fevil.example',
			'/%5cevil.example',
			'//evil.example\\@localhost',
			'javascript:alert(1)',
			'data:text/html,<script>alert(1)</script>',
			'/auth/v1/logout',
			'/login?next=/login'
		]) {
			for (const way of ['/login?next=', '/signed-in?next=']) {
				await page.goto(way + encodeURIComponent(next));
				await expect(accountButton(page), way + next).toBeVisible();
				await expect(page, way + next).toHaveURL('/');
			}
		}
	});

	test('signing in replaces whatever session the browser brought (LG-18)', async ({
		page,
		people,
		baseURL
	}) => {
		const person = await people.create();
		const name = cookieName('session');
		const session = async () =>
			(await page.context().cookies()).find((cookie) => cookie.name === name)?.value;
		await page.context().addCookies([
			{
				name,
				value: 'planted0000000000000000',
				url: baseURL ?? '',
				httpOnly: true,
				sameSite: 'Lax',
				secure: name.startsWith('__Host-')
			}
		]);

		await loginAs(page, person);
		const first = await session();
		await openAs(page, person);
		const second = await session();

		expect(first).toBeTruthy();
		expect(first).not.toContain('planted');
		expect(second).not.toBe(first);
	});

	test('somebody who is signed in already is not asked again', async ({ page, people }) => {
		await openAs(page, await people.create());

		await page.goto('/login');

		await expect(accountButton(page)).toBeVisible();
		await expect(page).toHaveURL('/');
	});
});
