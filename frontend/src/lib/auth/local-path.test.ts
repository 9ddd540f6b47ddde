import { describe, expect, it } from 'vitest';
import { isLocalPath, localPathOr, loginPath } from './local-path';

describe('a return address that anybody can write (BF-10, AZ-23)', () => {
	it.each([
		'/',
		'/users',
		'/users/0190c3b2-7f6e-7cc0-8a55-1b2c3d4e5f60',
		'/users?search=a%20b&sort=-email',
		'/clients?search=shop',
		'/verifiers?verifier=verifier-1',
		'/api-keys/0190c3b2-7f6e-7cc0-8a55-1b2c3d4e5f60/0123456789abcdef',
		'/account/api-keys/new',
		'/decisions?request_id=0190c3b2-7f6e-7cc0-8a55-1b2c3d4e5f60',
		'/me',
		'/a#b',
		'/%C3%A9'
	])('%s is a page of this app', (path) => {
		expect(isLocalPath(path)).toBe(true);
	});

	it.each([
		'//evil.example',
		'///evil.example',
		'/\\evil.example',
		'\\\\evil.example',
		'/\\/evil.example',
		'https:evil.example',
		'https://evil.example',
		'HTTPS://evil.example',
		'javascript:alert(1)',
		'data:text/html,x',
		'evil.example',
		'users',
		'./users',
		'?next=/',
		'#x',
		''
	])('%j leads elsewhere or nowhere', (path) => {
		expect(isLocalPath(path)).toBe(false);
	});

	it.each([
		'/%2Fevil.example',
		'/%2fevil.example',
		'/%5Cevil.example',
		'/%255Cevil.example',
		'/%252Fevil.example',
		'%2F%2Fevil.example'
	])('%s is refused for what it decodes to', (path) => {
		expect(isLocalPath(path)).toBe(false);
	});

	it.each([
		'/\t/evil.example',
		'/\n/evil.example',
		'/\r\n/evil.example',
		' //evil.example',
		'/ /evil',
		'/a\u0000b',
		'/a\u007fb',
		'/\u2028x',
		'/%09/evil.example',
		'/%00',
		'/%E0%A4%A'
	])('%j has a control character, a space or a broken escape', (path) => {
		expect(isLocalPath(path)).toBe(false);
	});

	it.each(['/..//evil.example', '/./', '/x/..//evil.example'])(
		'%s is refused where its dots lead to a host',
		(path) => {
			expect(localPathOr(path)).toBe(path === '/./' ? '/./' : '/');
		}
	);

	it.each([
		'/auth/v1/logout',
		'/api/dashboard',
		'/users/v1',
		'/oauth2/authorize?x=1',
		'/clients/v1',
		'/verifiers/v1/feed',
		'/me/v1/sessions',
		'/openapi.json',
		'/metrics',
		'/x/../auth/v1/refresh'
	])('%s belongs to the back end', (path) => {
		expect(isLocalPath(path)).toBe(false);
	});

	it.each([null, undefined, 1, ['/users'], { toString: () => '/users' }])('%j is not a path', (value) => {
		expect(isLocalPath(value)).toBe(false);
	});

	it('is not followed where it is endless', () => {
		expect(isLocalPath(`/${'a'.repeat(3000)}`)).toBe(false);
	});

	it('falls back to the start page', () => {
		expect(localPathOr('//evil.example')).toBe('/');
		expect(localPathOr(null)).toBe('/');
		expect(localPathOr('/users')).toBe('/users');
	});

	it.each([
		'/login/link?pending=x',
		'/login?next=/login',
		'/reset-password',
		'/signed-in?next=/users',
		'/consent?transaction=x',
		'/sign-out',
		'/signed-out'
	])('never leads to %s, a page on the way in or out', (path) => {
		expect(localPathOr(path)).toBe('/');
	});
});

describe('the way to the sign-in form', () => {
	const at = (path: string) => new URL(path, 'https://auth.example.org');

	it('remembers the page', () => {
		expect(loginPath(at('/users?search=a&sort=-email'))).toBe(
			'/login?next=%2Fusers%3Fsearch%3Da%26sort%3D-email'
		);
	});

	it('says nothing about the start page', () => {
		expect(loginPath(at('/'))).toBe('/login');
	});

	it('carries why', () => {
		expect(loginPath(at('/users'), 'expired')).toBe('/login?next=%2Fusers&reason=expired');
		expect(loginPath(at('/'), 'signed-out')).toBe('/login?reason=signed-out');
	});

	it('never nests', () => {
		expect(loginPath(at('/login?next=%2Fusers'))).toBe('/login');
	});
});
