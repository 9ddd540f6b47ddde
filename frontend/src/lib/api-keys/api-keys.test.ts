import { describe, expect, it } from 'vitest';
import type { ApiKey } from '$lib/api/api-keys';
import { Problem } from '$lib/api/problem';
import {
	changesOf,
	draftErrors,
	draftOf,
	emptyDraft,
	entriesIn,
	errorsFrom,
	expiryOptions,
	keyFields,
	methodProblem,
	methodsIn,
	needsFreshSignIn,
	requestOf,
	scopeProblem,
	windowOptions
} from './draft';
import { endsSoon, rateInWords, rightsInWords, statusOf, whereSentence } from './words';

const now = Date.parse('2026-01-15T10:30:00Z');

const nightly: ApiKey = {
	id: '0123456789abcdef',
	prefix: 'ppk_0123456789abcdef',
	name: 'Nightly report',
	comment: 'Runs at two',
	email: 'operations@example.org',
	owner: { id: '019bc0de-0000-7000-8000-000000000001', username: 'operations' },
	roles: ['User', 'Reports'],
	scopes: ['roles', 'reports'],
	hosts: ['reports.example.org'],
	paths: ['/daily'],
	methods: ['GET', 'HEAD'],
	cidrs: ['192.0.2.0/24'],
	rate_limit: { count: 60, window_seconds: 60, strict: false },
	disabled: false,
	expires_at: '2026-04-15T10:30:00Z',
	created_at: '2026-01-15T10:30:00Z',
	updated_at: '2026-01-15T10:30:00Z',
	last_used_at: null,
	use_count: 0,
	secrets: []
};
const everywhere: ApiKey = { ...nightly, hosts: [], paths: [], methods: [], cidrs: [] };

describe('the form of an API key', () => {
	it('begins with ninety days, everywhere, and all roles but Admin', () => {
		expect(requestOf({ ...emptyDraft(['Admin', 'User']), name: ' Nightly report ' })).toEqual({
			name: 'Nightly report',
			expires_in_days: 90,
			never_expires: false,
			roles: ['User'],
			scopes: [],
			hosts: [],
			paths: [],
			methods: [],
			cidrs: [],
			rate_limit: null,
			comment: '',
			email: null
		});
	});

	it('changes nothing that nobody touched', () => {
		expect(changesOf(draftOf(nightly), nightly)).toEqual({});
		expect(changesOf(draftOf({ ...nightly, rate_limit: null }), { ...nightly, rate_limit: null })).toEqual(
			{}
		);
	});

	it('takes another order of roles, scopes and methods for no change', () => {
		const draft = draftOf(nightly);
		draft.roles.reverse();
		draft.scopes.reverse();
		draft.methods.reverse();
		expect(changesOf(draft, nightly)).toEqual({});
	});

	it('asks for what differs alone, and for nothing where a field is emptied', () => {
		const draft = { ...draftOf(nightly), hosts: ' \n', limit: '', email: '', name: 'Daily report' };
		expect(changesOf(draft, nightly)).toEqual({
			name: 'Daily report',
			hosts: [],
			rate_limit: null,
			email: null
		});
	});

	it.each([
		[{ expiry: 'keep' }, {}],
		[{ expiry: '30' }, { expires_in_days: 30 }],
		[{ expiry: 'never' }, { never_expires: true }],
		[{ expiry: 'date', date: '2026-03-01' }, { expires_at: new Date('2026-03-01T23:59:59').toISOString() }]
	] as const)('says %j as %j', (typed, asked) => {
		expect(changesOf({ ...draftOf(nightly), ...typed }, nightly)).toEqual(asked);
	});

	it('makes a key without an end, and changes none that has none', () => {
		const draft = { ...draftOf(nightly), expiry: 'never' } as const;
		expect(requestOf(draft)).toMatchObject({ never_expires: true });
		expect(requestOf(draft)).not.toHaveProperty('expires_in_days');
		expect(changesOf(draft, { ...nightly, expires_at: null })).toEqual({});
	});

	it('ends a key on the last day that was chosen, and no day that is over', () => {
		const chosen = (date: string) =>
			draftErrors({ ...draftOf(nightly), expiry: 'date', date }, now).expiry ?? null;
		expect(chosen('2026-01-16')).toBeNull();
		expect(chosen('2026-01-14')).toBe('Choose a day that is not over.');
		expect(chosen('')).toBe('Choose a day.');
		expect(chosen('2026-13-01')).toBe('Choose a day.');
	});

	it('offers a key without an end to administrators alone', () => {
		const values = (isAdmin: boolean) => expiryOptions(isAdmin, true).map(({ value }) => value);
		expect(values(false)).toEqual(['30', '90', '365', 'date']);
		expect(values(true)).toContain('never');
		expect(expiryOptions(false, false)[0]).toEqual({ value: 'keep', label: 'As it is' });
	});

	it('knows which keys need a fresh sign-in (AD-14)', () => {
		expect(needsFreshSignIn(emptyDraft(['User']))).toBe(false);
		expect(needsFreshSignIn({ ...emptyDraft(), expiry: 'never' })).toBe(true);
		expect(needsFreshSignIn({ ...emptyDraft(), roles: ['Admin'] })).toBe(true);
	});

	it('wants a name, and takes everything else as it begins', () => {
		const problems = Object.entries(draftErrors(emptyDraft(), now)).filter(([, problem]) => problem !== null);
		expect(problems.map(([field]) => field)).toEqual(['name']);
	});

	it.each(['app.example.com', '*.example.com', 'localhost', 'APP.example.com', 'a_b.example.com'])(
		'%j is a host',
		(hosts) => {
			expect(draftErrors({ ...emptyDraft(), hosts }, now).hosts).toBeNull();
		}
	);

	it.each([
		'*',
		'*.com',
		'a.*.com',
		'app.example.com:8443',
		'example.com.',
		'a..b',
		'-a.com',
		'a b',
		'http:x'
	])('%j is none', (hosts) => {
		expect(draftErrors({ ...emptyDraft(), hosts }, now).hosts).toContain('is no host');
	});

	it.each(['reports', '/a?b', '/a#b', '/a b', '/a/**'])('%j is no path', (paths) => {
		expect(draftErrors({ ...emptyDraft(), paths }, now).paths).not.toBeNull();
	});

	it.each([
		['', true],
		[' 60 ', true],
		['1000000', true],
		['0', false],
		['-1', false],
		['1.5', false],
		['many', false]
	])('at most %j requests is acceptable: %j', (limit, fine) => {
		expect(draftErrors({ ...emptyDraft(), limit }, now).limit === null).toBe(fine);
	});

	it.each(['admin', 'account', 'offline_access', 'Reports', '', 'a b'])(
		'%j is no scope of a key',
		(scope) => {
			expect(scopeProblem(scope, [])).not.toBeNull();
		}
	);

	it('reads what is pasted, and adds nothing twice', () => {
		expect(entriesIn(' reports,  orders:read\n')).toEqual(['reports', 'orders:read']);
		expect(methodsIn('get, post')).toEqual(['GET', 'POST']);
		expect(scopeProblem('reports', ['reports'])).toBe('reports is already in the list.');
		expect(methodProblem('GET', ['GET'])).toBe('GET is already in the list.');
	});

	it('shows what the server refuses at its field, also where that has another name', () => {
		const refusal = new Problem({
			status: 422,
			code: 'validation_failed',
			detail: 'Not acceptable.',
			errors: [
				{ field: 'never_expires', message: 'Only an administrator.', code: 'admin_only' },
				{ field: 'rate_limit.count', message: 'Use less.', code: 'range' },
				{ field: 'cidrs', message: 'Number 1 must be a network.', code: 'format' },
				{ field: 'cidrs', message: 'Number 2 must be a network.', code: 'format' },
				{ field: 'hosts.3', message: 'Expected a text.', code: 'type' },
				{ field: 'owner', message: 'There are 100 keys already.', code: 'too_many_keys' }
			]
		});
		expect(errorsFrom(refusal)).toMatchObject({
			expiry: 'Only an administrator.',
			limit: 'Use less.',
			cidrs: 'Number 1 must be a network.',
			hosts: 'Expected a text.',
			form: 'There are 100 keys already.',
			name: null
		});
		expect(Object.keys(errorsFrom({ errors: [] })).sort()).toEqual([...keyFields].sort());
	});

	it('keeps a window that nobody offers', () => {
		expect(windowOptions('60')).toHaveLength(4);
		expect(windowOptions('30').at(-1)).toEqual({ value: '30', label: '30 seconds' });
	});
});

describe('an API key in words', () => {
	it.each([
		[{}, 'active', false],
		[{ disabled: true }, 'disabled', false],
		[{ expires_at: '2026-01-15T10:30:00Z' }, 'expired', false],
		[{ expires_at: '2026-01-15T10:30:00Z', disabled: true }, 'expired', false],
		[{ expires_at: '2026-01-20T10:30:00Z' }, 'active', true],
		[{ expires_at: '2026-01-20T10:30:00Z', disabled: true }, 'disabled', false],
		[{ expires_at: null }, 'active', false]
	])('with %j is %s, and ends soon: %j', (more, status, soon) => {
		const key = { ...nightly, ...more };
		expect([statusOf(key, now), endsSoon(key, now)]).toEqual([status, soon]);
	});

	it('says where it works', () => {
		expect(whereSentence(everywhere)).toBe('Works everywhere');
		expect(whereSentence(nightly)).toBe(
			'Works on reports.example.org, below /daily, with GET and HEAD, from 192.0.2.0/24'
		);
		expect(whereSentence({ ...everywhere, paths: ['/a', '/b'] })).toBe('Works below /a or /b');
	});

	it('says what it may do, and names what has no words', () => {
		expect(rightsInWords(nightly)).toEqual([
			'Act with the roles User and Reports',
			'See your roles',
			'Whatever reports stands for'
		]);
		expect(rightsInWords({ roles: [], scopes: [] })).toEqual([]);
	});

	it.each([
		[60, 60, '60 requests a minute'],
		[1, 1, '1 request a second'],
		[1000, 86_400, '1,000 requests a day'],
		[10, 30, '10 requests in 30 seconds']
	])('%i in %i seconds are %j', (count, window_seconds, words) => {
		expect(rateInWords({ count, window_seconds, strict: false })).toBe(words);
	});
});
