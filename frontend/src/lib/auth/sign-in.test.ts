import { describe, expect, it } from 'vitest';
import { beginSignIn, continueSignIn, noticeOrNull, signInAgain, signInPage, signInWith } from './sign-in';

describe('where a sign-in begins', () => {
	const at = (address: string) => new URL(address, 'https://auth.example.org');
	const returnTo = (address: string) => at(address).searchParams.get('return_to');

	it('leads back to the page that takes up the session', () => {
		expect(beginSignIn('/')).toBe('/auth/v1/login?return_to=%2Fsigned-in');
	});

	it('remembers where the person wanted to go, with its query', () => {
		const back = returnTo(beginSignIn('/users?search=a%20b&sort=-email')) ?? '';

		expect(at(back).pathname).toBe('/signed-in');
		expect(at(back).searchParams.get('next')).toBe('/users?search=a%20b&sort=-email');
	});

	it('forgets a way back that is longer than the issuer keeps, rather than to lose the way to the app', () => {
		const longest = `/${'a'.repeat(1000 - '/signed-in?next=%2F'.length)}`;

		expect(returnTo(beginSignIn(longest))).toHaveLength(1000);
		expect(returnTo(beginSignIn(`${longest}a`))).toBe('/signed-in');
	});

	it('carries a notice where no server sees it', () => {
		const address = at(beginSignIn('/', 'expired'));

		expect(address.hash).toBe('#expired');
		expect(address.search).not.toContain('expired');
	});
});

describe('a fresh sign-in', () => {
	it('asks again, and leads back to the page like every other one', () => {
		const address = new URL(signInAgain('/account'), 'https://auth.example.org');

		expect([...address.searchParams]).toEqual([
			['return_to', '/signed-in?next=%2Faccount'],
			['reauthenticate', 'true']
		]);
	});
});

describe('a sign-in at an identity provider', () => {
	it('names both of them, whatever they are called', () => {
		const address = new URL(signInWith('a&b', 't=1#x'), 'https://auth.example.org');

		expect(address.pathname).toBe('/auth/v1/oauth/init');
		expect([...address.searchParams]).toEqual([
			['provider', 'a&b'],
			['transaction', 't=1#x']
		]);
	});
});

describe('an identifier from the address', () => {
	it.each([continueSignIn, signInPage])('stays one parameter of %o', (path) => {
		const address = new URL(path('a&b=c#d'), 'https://auth.example.org');

		expect([...address.searchParams]).toEqual([['transaction', 'a&b=c#d']]);
		expect(address.hash).toBe('');
	});
});

describe('a notice', () => {
	it('is one of ours', () => {
		expect(noticeOrNull('expired')).toBe('expired');
	});

	it.each([null, '', 'again', 'toString', 'You won'])('%j is none', (name) => {
		expect(noticeOrNull(name)).toBeNull();
	});
});
