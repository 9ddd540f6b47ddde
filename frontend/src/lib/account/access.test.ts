import { describe, expect, it } from 'vitest';
import type { OwnSession } from '$lib/api/account';
import { namesInWords, ordered, otherClients } from './access';

function session(id: string, lastSeen: string, more: Partial<OwnSession> = {}): OwnSession {
	return {
		id,
		user_agent: null,
		address: null,
		signed_in_at: '2026-01-01T00:00:00Z',
		last_seen_at: lastSeen,
		expires_at: '2026-02-01T00:00:00Z',
		current: false,
		clients: [],
		...more
	};
}

describe('the list of sessions', () => {
	it('begins with this browser, whatever was used since', () => {
		const list = [
			session('old', '2026-01-02T00:00:00Z'),
			session('new', '2026-01-04T00:00:00Z'),
			session('this', '2026-01-03T00:00:00Z', { current: true })
		];
		expect(ordered(list).map(({ id }) => id)).toEqual(['this', 'new', 'old']);
	});

	it('names the applications of a session, and not Paseport itself', () => {
		const clients = [
			{ client_id: 'bff', name: 'Paseport' },
			{ client_id: 'shop', name: 'The shop' }
		];
		expect(otherClients(session('a', '2026-01-01T00:00:00Z', { clients }))).toEqual(['The shop']);
	});

	it.each([
		[[], ''],
		[['a'], 'a'],
		[['a', 'b'], 'a and b'],
		[['a', 'b', 'c'], 'a, b and c'],
		[['a', 'b', 'c', 'd', 'e'], 'a, b, c and 2 more']
	])('says %j as %j', (names, words) => {
		expect(namesInWords(names)).toBe(words);
	});
});
