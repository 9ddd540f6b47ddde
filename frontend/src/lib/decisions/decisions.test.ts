import { describe, expect, it } from 'vitest';
import type { Decision, DecisionPage } from '$lib/api/decisions';
import { Problem } from '$lib/api/problem';
import { DecisionList } from './decision-list.svelte';
import { emptyQuestion, errorsFrom, questionErrors, questionOf, requestOf } from './question';
import { credentialInWords, keyPage, remedySentence, requestLine, subjectPage } from './words';

const user = '019bc0de-0000-7000-8000-000000000001';

function denial(request_id: string, more: Partial<Decision> = {}): Decision {
	return {
		request_id,
		at: '2026-01-15T10:30:00Z',
		reason: 'role_missing',
		reason_text: 'The caller lacks a role.',
		rule: 'reports',
		remedy: 'the role Reports',
		host: 'app.example.org',
		path: '/reports',
		method: 'GET',
		address: '192.0.2.7',
		credential: 'session',
		subject: user,
		key_id: null,
		...more
	};
}

/** A log of questions that wait until the test answers them. */
function waiting() {
	const asked: { what: string; answer: (page: DecisionPage) => void; refuse: (thrown: unknown) => void }[] =
		[];
	const ask = (what: string) =>
		new Promise<DecisionPage>((answer, refuse) => asked.push({ what, answer, refuse }));
	const list = new DecisionList({
		latest: (before) => ask(`before ${before}`),
		find: (requestId) => ask(`request ${requestId}`)
	});
	return { list, asked };
}
const ids = (list: DecisionList) => list.items.map(({ request_id }) => request_id);

describe('the list of denials', () => {
	it('shows the newest, and goes on where they end', async () => {
		const { list, asked } = waiting();
		const first = list.load('');
		asked[0]?.answer({ items: [denial('c'), denial('b')], next: 'b' });
		await first;
		const more = list.more();
		expect(list.loading).toBe('more');
		asked[1]?.answer({ items: [denial('a')], next: null });
		await more;
		expect(asked.map(({ what }) => what)).toEqual(['before null', 'before b']);
		expect(ids(list)).toEqual(['c', 'b', 'a']);
		await list.more();
		expect(asked).toHaveLength(2);
	});

	it('shows the one of a request, and meanwhile none of another question', async () => {
		const { list, asked } = waiting();
		const all = list.load('');
		asked[0]?.answer({ items: [denial('b'), denial('a')], next: 'a' });
		await all;
		const one = list.load('a');
		expect([ids(list), list.next, list.loading]).toEqual([[], null, 'first']);
		asked[1]?.answer({ items: [denial('a')], next: null });
		await one;
		expect([asked[1]?.what, ids(list)]).toEqual(['request a', ['a']]);
	});

	it('shows the answer to the latest question, in whatever order they come', async () => {
		const { list, asked } = waiting();
		const both = [list.load('old'), list.load('new')];
		asked[1]?.answer({ items: [denial('new')], next: null });
		asked[0]?.answer({ items: [denial('old')], next: null });
		await Promise.all(both);
		expect(ids(list)).toEqual(['new']);
	});

	it('keeps what it shows beside a problem, and asks the same again', async () => {
		const { list, asked } = waiting();
		const first = list.load('a');
		asked[0]?.answer({ items: [denial('a')], next: null });
		await first;
		const away = new Problem({ status: 503, code: 'unavailable', detail: 'away' });
		const second = list.retry();
		asked[1]?.refuse(away);
		await second;
		expect([ids(list), list.problem, list.loading]).toEqual([['a'], away, null]);
		const third = list.retry();
		asked[2]?.answer({ items: [], next: null });
		await third;
		expect([asked[2]?.what, ids(list), list.problem]).toEqual(['request a', [], null]);
	});
});

describe('the question whether a request would pass', () => {
	it('is about nobody, unless somebody is named', () => {
		const draft = { ...emptyQuestion(), host: ' app.example.org ', path: '/reports' };
		expect(requestOf(draft)).toEqual({
			request: { host: 'app.example.org', path: '/reports', method: 'GET' },
			asker: { anonymous: true, credential: 'session', scopes: [] }
		});
		expect(requestOf({ ...draft, kind: 'user', asker: ' ada ', address: '192.0.2.7' })).toEqual({
			request: { host: 'app.example.org', path: '/reports', method: 'GET', address: '192.0.2.7' },
			asker: { anonymous: false, user: 'ada', credential: 'session', scopes: [] }
		});
	});

	it.each(['0123456789abcdef', 'ppk_0123456789abcdef', `ppk_0123456789abcdef_${'s'.repeat(43)}_crc000`])(
		'asks about the key %s by its id alone',
		(asker) => {
			const draft = { ...emptyQuestion(), host: 'a', kind: 'api_key', asker } as const;
			expect(requestOf(draft)).toMatchObject({ asker: { api_key: '0123456789abcdef' } });
		}
	);

	it.each([
		['https' + '://app.example.org/reports?x=1#y', '/', 'app.example.org', '/reports'],
		['https' + '://app.example.org', '/typed', 'app.example.org', '/typed'],
		['app.example.org', '/typed', 'app.example.org', '/typed']
	])('reads %j and %j as %j and %j', (host, path, wantedHost, wantedPath) => {
		expect(requestOf({ ...emptyQuestion(), host, path })).toMatchObject({
			request: { host: wantedHost, path: wantedPath }
		});
	});

	it('wants a host, a path and a name of whoever asks', () => {
		const wrong = { ...emptyQuestion(), path: 'reports', kind: 'user' } as const;
		const found = Object.entries(questionErrors(wrong)).filter(([, problem]) => problem !== null);
		expect(found.map(([field]) => field)).toEqual(['host', 'path', 'asker']);
		expect(questionErrors({ ...wrong, host: 'a', path: '/', asker: 'ada' })).toEqual({
			method: null,
			host: null,
			path: null,
			asker: null
		});
	});

	it('begins with a denial as it was made', () => {
		expect(questionOf(denial('a'))).toEqual({
			method: 'GET',
			host: 'app.example.org',
			path: '/reports',
			address: '192.0.2.7',
			kind: 'user',
			asker: user
		});
		expect(questionOf(denial('a', { credential: 'api_key', key_id: 'k1' }))).toMatchObject({
			kind: 'api_key',
			asker: 'k1'
		});
		expect(questionOf(denial('a', { path: '/a b/50%' })).path).toBe('/a%20b/50%25');
		expect(questionOf(denial('a', { path: '/a%2e', reason: 'request_unclear' })).path).toBe('/a%2e');
		expect(questionOf(denial('a', { credential: 'none', subject: '', address: null }))).toMatchObject({
			kind: 'anonymous',
			asker: '',
			address: ''
		});
	});

	it('shows what the server refuses at its field', () => {
		const refusal = new Problem({
			status: 422,
			code: 'validation_failed',
			detail: 'Not acceptable.',
			errors: [
				{ field: 'request.path', message: 'It can be read in several ways.', code: 'unclear' },
				{ field: 'asker.user', message: 'Nobody has this name.', code: 'unknown' }
			]
		});
		expect(errorsFrom(refusal)).toMatchObject({
			path: 'It can be read in several ways.',
			asker: 'Nobody has this name.',
			host: null
		});
	});
});

describe('a denial in words', () => {
	it('is one line, also where nothing of it could be read', () => {
		expect(requestLine(denial('a'))).toBe('GET app.example.org/reports');
		expect(requestLine({ method: '', host: '', path: '' })).toBe('A request that could not be read');
	});

	it.each([
		['the role Reports', 'The role Reports.'],
		['signing in, or a credential', 'Signing in, or a credential.'],
		['', 'Nothing is known that would.']
	])('the remedy %j reads %j', (remedy, sentence) => {
		expect(remedySentence(remedy)).toBe(sentence);
	});

	it('leads to the user, the client or the key', () => {
		expect(subjectPage(user)).toBe(`/users/${user}`);
		expect(subjectPage('build agent')).toBe('/clients?client=build%20agent');
		expect(subjectPage('')).toBeNull();
		expect(keyPage(user, 'k1')).toBe(`/api-keys/${user}/k1`);
	});

	it('names what was shown', () => {
		expect(credentialInWords('api_key')).toBe('API key');
		expect(credentialInWords('none')).toBe('Nothing');
	});
});
