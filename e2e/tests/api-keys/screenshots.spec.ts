import { openAs } from '../../support/app';
import { expect, test } from '../../support/journey';
import { newPassword } from '../../support/people';
import { compare } from '../../support/pictures';
import { pin, pinDenials, pinKeys } from '../../support/pinned';
import { askAtDoor } from '../../support/proxy';

const administrator = {
	username: 'picture-keys',
	email: 'picture-keys@example.com',
	password: newPassword(),
	roles: ['Admin', 'Reports', 'User']
};
// The keys of the pictures, by what they are there to show: the last one is the newest.
const gallery = [
	{ name: 'Nightly report', roles: ['Reports'], hosts: ['reports.example.com'], methods: ['GET', 'HEAD'] },
	{ name: 'Deployment of the shop', roles: ['User'], scopes: ['orders:read', 'roles'], expires_in_days: 10 },
	{
		name: 'A former one with a rather long name for so small a key',
		hosts: ['*.example.com', 'app.example.org'],
		paths: ['/v1/orders'],
		cidrs: ['10.0.0.0/8'],
		disabled: true
	}
] as const;
const names = gallery.map(({ name }) => name);
const [member, nobody] = ['/reports/of-the-pictures', '/closed/of-the-pictures'];

test.describe('F · Pictures @phone', () => {
	let ownerId = '';
	let nightly = { id: '', key: '' };

	test.beforeAll(async ({ api }) => {
		const old = await api.find(administrator.username);
		if (old) await api.remove(old.id);
		ownerId = (await api.createUser(administrator)).id;
		for (const { name, ...wanted } of gallery) {
			const { disabled = false, ...limits } = { disabled: false, ...wanted };
			const made = await api.createKey(ownerId, { name, ...limits });
			if (disabled) await api.changeKey(made, { disabled });
			if (name === names[0]) nightly = made;
		}
	});
	test.afterAll(async ({ api }) => await api.remove(ownerId));
	test.beforeEach(async ({ page }) => {
		await pin(page, []);
		await pinKeys(page, names);
	});

	test('the own keys', async ({ page }) => {
		await openAs(page, administrator, '/account/api-keys');
		await expect(page.getByRole('link', { name: 'Open Nightly report' })).toBeVisible();

		await compare(page, 'api-keys');
	});

	test('a new key, with mistakes', async ({ page }) => {
		await openAs(page, administrator, '/account/api-keys/new');
		await page.getByText('More limits').click();
		await page.getByRole('button', { name: 'GET', exact: true }).click();
		await page.getByRole('button', { name: 'Make key' }).click();
		await expect(page.getByLabel('Name', { exact: true })).toBeFocused();

		await compare(page, 'new-api-key');
	});

	test('a key that was made just now', async ({ page }) => {
		await page.route('**/api/me/tokens', async (route) => {
			if (route.request().method() !== 'POST') return await route.fallback();
			const key = `ppk_Example0Example0_${'Example'.repeat(6)}0_000000`;
			await route.fulfill({ status: 201, json: { name: 'Nightly report', key } });
		});
		await openAs(page, administrator, '/account/api-keys/new');
		await page.getByLabel('Name', { exact: true }).fill('Nightly report');
		await page.getByRole('button', { name: 'Make key' }).click();
		await expect(page.getByRole('heading', { level: 2, name: 'Your new key' })).toBeFocused();

		await compare(page, 'api-key-shown');
	});

	test('one key, with the question how it is rotated', async ({ page }) => {
		await openAs(page, administrator, `/account/api-keys/${nightly.id}`);
		await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Nightly report');
		await compare(page, 'api-key');

		await page.getByRole('button', { name: 'Rotate key' }).click();
		await expect(page.getByRole('dialog', { name: 'Rotate Nightly report' })).toBeVisible();
		await compare(page, 'rotate-api-key', { fullPage: false });
	});

	test('everybody’s keys', async ({ page }) => {
		await openAs(page, administrator, '/api-keys');
		await page.getByRole('searchbox', { name: 'Search API keys' }).fill(administrator.username);
		await expect(page.getByRole('table', { name: 'API keys' }).getByRole('rowheader')).toHaveCount(3);
		await page.getByRole('searchbox', { name: 'Search API keys' }).blur();

		await compare(page, 'all-api-keys');
	});

	test('denied requests, and the answer of the rules', async ({ page, api }) => {
		await api.denialOf((await askAtDoor(page, nobody)).requestId);
		await api.denialOf((await askAtDoor(page, member)).requestId);
		await pinDenials(page, [member, nobody]);
		await openAs(page, administrator, '/decisions');
		await expect(page.getByRole('region', { name: 'The newest' }).getByRole('listitem')).toHaveCount(2);
		const form = page.getByRole('region', { name: 'Would this pass?' });
		await form.getByLabel('Host').fill('app.example.com');
		await form.getByLabel('Path').fill('/reports/today');
		await form.getByRole('radio', { name: /A user/ }).check();
		await form.getByLabel('User name').fill(administrator.username);
		await form.getByRole('button', { name: 'Ask the rules' }).click();
		await expect(form.getByText('It would pass')).toBeVisible();
		await form.getByRole('button', { name: 'Ask the rules' }).blur();

		await compare(page, 'denied-requests');
	});
});
