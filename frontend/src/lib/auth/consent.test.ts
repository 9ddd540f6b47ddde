import { describe, expect, it } from 'vitest';
import { hostInWords, leavesBrowser, scopesInWords } from './consent';

describe('what a client asks for', () => {
	it('is said in words, the most personal thing first', () => {
		expect(scopesInWords(['offline_access', 'email', 'openid']).map(({ sentence }) => sentence)).toEqual([
			'Know who you are',
			'See your e-mail address',
			'Keep access while you are away'
		]);
	});

	it.each(['openid', 'profile', 'email', 'roles', 'offline_access', 'account', 'admin'])(
		'%s has words',
		(scope) => {
			expect(scopesInWords([scope])[0]?.sentence).toMatch(/^[A-Z]/);
		}
	);

	it('hides nothing that it has no words for', () => {
		expect(scopesInWords(['toString', 'openid', 'orders.write'])).toEqual([
			{ name: 'openid', sentence: 'Know who you are' },
			{ name: 'toString', sentence: null },
			{ name: 'orders.write', sentence: null }
		]);
	});

	it('is said once', () => {
		expect(scopesInWords(['email', 'email', 'x', 'x'])).toHaveLength(2);
	});
});

describe('where the browser goes afterwards', () => {
	it('is the host of the client', () => {
		expect(hostInWords('shop.example.com')).toBe('shop.example.com');
		expect(hostInWords('127.0.0.1.example.com')).toBe('127.0.0.1.example.com');
	});

	it.each(['', 'localhost', '127.0.0.1', '::1'])('%j is an app on this device', (host) => {
		expect(hostInWords(host)).toBe('an app on this device');
	});

	it('is nowhere for an app that opens beside the browser, and on its page for one that listens', () => {
		expect(leavesBrowser('')).toBe(true);
		expect(leavesBrowser('127.0.0.1')).toBe(false);
		expect(leavesBrowser('shop.example.com')).toBe(false);
	});
});
