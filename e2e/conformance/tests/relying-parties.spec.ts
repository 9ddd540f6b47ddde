/** Public client libraries complete every flow, with no leniency switched on. */
import { expect } from '@playwright/test';
import { answer } from '../support/authorization';
import type { Browser } from '../support/browser';
import type { ClientRole } from '../support/description';
import { relyingParty, type Held, type Library, type RelyingParty } from '../support/relying-party';
import type { Session } from '../support/session';
import { test } from './suite';

const offline = { scope: 'openid offline_access', prompt: 'consent' };

for (const library of ['openid-client', 'oauth4webapi'] as const) {
	for (const role of ['pkce', 'public'] as const) {
		const kind = role === 'public' ? 'a public client' : 'a confidential client';

		test(`${library} signs in with code and PKCE as ${kind}`, async ({ session }) => {
			const { party, tokens } = await signedIn(session, library, role);
			expect(await party.userinfo(tokens.access_token, tokens.subject)).toBe(tokens.subject);
		});

		test(`${library} refreshes as ${kind}`, async ({ session }) => {
			const { party, tokens } = await signedIn(session, library, role);
			const second = await party.refresh(tokens.refresh_token);
			const third = await party.refresh(second.refresh_token);
			expect(new Set([tokens, second, third].map(({ access_token }) => access_token)).size).toBe(3);
			expect(await party.userinfo(third.access_token, tokens.subject)).toBe(tokens.subject);
		});

		test(`${library} revokes as ${kind}`, async ({ session }) => {
			const { party, tokens } = await signedIn(session, library, role);
			await party.revoke(tokens.refresh_token);
			await expect(party.refresh(tokens.refresh_token)).rejects.toMatchObject({ error: 'invalid_grant' });
			await expect(party.userinfo(tokens.access_token, tokens.subject)).rejects.toMatchObject({
				status: 401
			});
		});
	}

	test(`${library} introspects, and sees a revocation`, async ({ session }) => {
		const resource = session.description.introspected_resource;
		const { party, tokens } = await signedIn(
			session,
			library,
			'pkce',
			resource === undefined ? {} : { resource }
		);
		const { client_id } = session.client('pkce');
		expect(await party.introspect(tokens.access_token)).toEqual({ active: true, client_id });
		await party.revoke(tokens.access_token);
		expect(await party.introspect(tokens.access_token)).toEqual({ active: false, client_id: undefined });
		expect(await party.introspect('no-token-of-anybody')).toEqual({ active: false, client_id: undefined });
	});

	test(`${library} signs out`, async ({ session }) => {
		const { party, tokens, browser } = await signedIn(session, library, 'pkce');
		const { address, state } = party.signOut(tokens.id_token);
		let end = await browser.open(address);
		if (end.kind === 'page' && session.provider.asks(end) === 'sign-out')
			end = await session.provider.signOut(browser, end);
		const back = new URL(session.client('pkce').post_logout_redirect_uri);
		back.searchParams.set('state', state);
		expect(end).toEqual({ kind: 'departure', url: back });

		const again = await party.begin({ scope: 'openid', prompt: 'none' });
		await expect(again.finish(await callback(browser, again.address))).rejects.toMatchObject({
			error: 'login_required'
		});
	});

	test(`${library} accepts no answer without iss, of another issuer, or with another state`, async ({
		session
	}) => {
		for (const [name, value] of [
			['iss', null],
			['iss', 'https://elsewhere.example.test'],
			['state', 'another']
		] as const) {
			const party = await relyingParty(library, session.issuer, session.client('pkce'));
			const browser = session.newBrowser();
			const { address, finish } = await party.begin(offline);
			const { arrival } = await answer(session, browser, await browser.open(address));
			const url = new URL(arrival.url);
			if (value === null) url.searchParams.delete(name);
			else url.searchParams.set(name, value);
			expect(await refusal(finish(url))).toContain(`"${name}"`);
			await finish(arrival.url);
		}
	});
}

async function signedIn(
	session: Session,
	library: Library,
	role: ClientRole,
	parameters: Record<string, string> = {}
): Promise<{ party: RelyingParty; tokens: Held; browser: Browser }> {
	const party = await relyingParty(library, session.issuer, session.client(role));
	const browser = session.newBrowser();
	const { address, finish } = await party.begin({ ...offline, ...parameters });
	const { arrival } = await answer(session, browser, await browser.open(address));
	expect(arrival.kind).toBe('departure');
	return { party, tokens: await finish(arrival.url), browser };
}

/** Why a library refused; one of them wraps the other's reason. */
async function refusal(attempt: Promise<unknown>): Promise<string> {
	return await attempt.then(
		() => 'nothing was refused',
		(error: Error) => `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`
	);
}

async function callback(browser: Browser, address: string): Promise<URL> {
	const arrival = await browser.open(address);
	expect(arrival.kind).toBe('departure');
	return arrival.url;
}
