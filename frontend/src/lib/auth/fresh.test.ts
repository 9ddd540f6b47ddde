import { describe, expect, it } from 'vitest';
import { signInIsOld } from './fresh';

describe('a sign-in', () => {
	const now = Date.parse('2026-01-15T10:30:00Z');

	it.each([
		['2026-01-15T10:29:00Z', false],
		['2026-01-15T10:20:00Z', false],
		['2026-01-15T10:19:59Z', true],
		['2026-01-14T10:30:00Z', true],
		['2026-01-15T10:31:00Z', false],
		['at some time', false]
	])('of %s is old: %j', (authTime, old) => {
		expect(signInIsOld(authTime, now)).toBe(old);
	});
});
