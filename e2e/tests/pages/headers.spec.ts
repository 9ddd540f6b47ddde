import { installation } from '../../support/installation';
import { expect, test } from '../../support/journey';

/** The directives of a Content-Security-Policy, by name. */
function directives(policy: string): Map<string, string[]> {
	return new Map(
		policy
			.split(';')
			.map((part) => part.trim().split(/\s+/))
			.map(([name = '', ...sources]) => [name, sources])
	);
}

test.describe('What the server sends with the app (BF-13)', () => {
	for (const path of ['/', '/login', '/consent', '/sign-out', '/signed-out', '/users', '/no/such/page'])
		test(`${path} comes with a strict policy`, async ({ request }) => {
			const response = await request.get(path, { headers: { Accept: 'text/html' } });
			const headers = response.headers();
			const html = await response.text();

			expect(response.status()).toBe(200);
			expect(headers['content-type']).toMatch(/^text\/html; ?charset=utf-8$/i);
			expect(headers['x-content-type-options']).toBe('nosniff');
			expect(headers['referrer-policy']).toMatch(/^(?:no-referrer|same-origin|strict-origin)$/);
			expect(headers['cache-control']).toMatch(/no-cache|no-store/);
			if (installation().url.startsWith('https:'))
				expect(headers['strict-transport-security']).toMatch(/max-age=\d{7,}/);
			expect(headers['set-cookie'], 'a page sets no cookie').toBeUndefined();
			expect(headers['access-control-allow-origin']).toBeUndefined();

			const policy = directives(headers['content-security-policy'] ?? '');
			expect(policy.get('frame-ancestors')).toEqual(["'none'"]);
			// The header or the page itself carries the rest; both are in force.
			const inPage = /http-equiv="content-security-policy" content="([^"]*)"/i.exec(html)?.[1] ?? '';
			const all = [policy, directives(inPage)].filter(
				(one) => one.has('script-src') || one.has('default-src')
			);
			expect(all.length).toBeGreaterThan(0);
			for (const one of all) {
				const scripts = one.get('script-src') ?? one.get('default-src') ?? [];
				for (const source of ["'unsafe-inline'", "'unsafe-eval'", '*', 'https:', 'http:', 'data:', 'blob:'])
					expect(scripts).not.toContain(source);
				expect(one.get('style-src') ?? []).not.toContain("'unsafe-inline'");
			}
		});

	test('no source map and no secret is among the files of the app', async ({ page, request }) => {
		const scripts = new Set<string>();
		page.on('response', (response) => {
			if (/\.(?:js|css)$/.test(new URL(response.url()).pathname)) scripts.add(response.url());
		});
		await page.goto('/login');
		await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
		const html = await (await request.get('/')).text();
		for (const [, path] of html.matchAll(/(?:href|src)="([^"]+\.(?:js|css))"/g))
			scripts.add(new URL(path ?? '', installation().url).href);
		expect(scripts.size).toBeGreaterThan(3);

		for (const script of scripts) {
			const response = await request.get(script);
			expect(response.status()).toBe(200);
			expect(response.headers()['x-content-type-options']).toBe('nosniff');
			const text = await response.text();
			expect(text.includes('sourceMappingURL'), script).toBe(false);
			expect(/-----BEGIN|k4\.secret\.|k4\.local\./.test(text), script).toBe(false);
			expect((await request.get(`${script}.map`)).status(), `${script}.map`).toBe(404);
		}
	});

	test('a page is never the answer to a path of the back end', async ({ request }) => {
		for (const path of [
			'/auth/v1/no-such',
			'/users/v1/no-such',
			'/api/no-such',
			'/internal/v1/feed',
			'/metrics',
			'/.well-known/no-such'
		]) {
			const response = await request.get(path, { headers: { Accept: 'text/html' } });
			expect([400, 401, 404], path).toContain(response.status());
			expect(response.headers()['content-type'], path).toMatch(/^application\/(?:problem\+)?json/);
		}
	});

	test('the documentation page works under its own policy', async ({ page }) => {
		await page.goto('/swagger-ui/');

		await expect(page.getByText('/auth/v1/login/local').first()).toBeVisible();
	});
});
