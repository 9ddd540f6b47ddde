import { accountButton, expectSignedIn, loginAs, navigateSPA, searchBox } from '../../support/app';
import { expect, test } from '../../support/journey';
import { redisPrimary } from '../../support/stack';

test.describe('S · Redis fails over', () => {
	test('whoever is signed in stays signed in while the primary is killed (P6, FT-02)', async ({
		page,
		admin,
		watch
	}) => {
		await loginAs(page, admin);
		await expectSignedIn(page, admin.username);
		const killed = await redisPrimary();
		// Until the replicas have taken over, requests may be refused: the app says so and goes on.
		watch.expect(/status of 503/);

		process.kill(killed.pid, 'SIGKILL');
		await expect.poll(async () => (await redisPrimary()).port, { timeout: 30_000 }).not.toBe(killed.port);

		// A reload needs the session, the refresh token and the roles: all of them from the new primary.
		await expect(async () => {
			await page.reload();
			await expectSignedIn(page, admin.username);
		}).toPass({ timeout: 30_000 });
		await navigateSPA(page, 'Users');
		await expect(searchBox(page)).toBeVisible();
		await expect(accountButton(page)).toBeVisible();
	});
});
