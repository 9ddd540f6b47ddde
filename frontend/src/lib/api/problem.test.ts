import { describe, expect, it } from 'vitest';
import { explain, tryAgain } from './explain';
import { asProblem, isAbort, Problem, problemFrom, problemFromThrown, retryAfterSeconds } from './problem';

const refused = (status: number, headers: Record<string, string> = {}) =>
	new Response(null, { status, headers });

describe('a refused answer', () => {
	it('keeps code, detail, request id and wait', () => {
		const problem = problemFrom(refused(429, { 'Retry-After': '42' }), {
			type: 'about:blank',
			title: 'Too many attempts',
			status: 429,
			detail: 'Wait a little.',
			code: 'too_many_attempts',
			request_id: 'r-1'
		});

		expect(problem).toMatchObject({
			status: 429,
			code: 'too_many_attempts',
			detail: 'Wait a little.',
			requestId: 'r-1',
			retryAfter: 42,
			temporary: true
		});
	});

	it('names the fields it concerns', () => {
		const problem = problemFrom(refused(422), {
			code: 'validation_failed',
			detail: 'Two fields.',
			errors: [
				{ field: 'email', message: 'Not an address.', code: 'format' },
				{ field: 'roles.3', message: 'Not a role.', code: 'grammar' },
				{ field: 7, message: 'no' },
				'junk'
			]
		});

		expect(problem.about('email')).toBe('Not an address.');
		expect(problem.about('roles')).toBe('Not a role.');
		expect(problem.about('username')).toBeUndefined();
		expect(problem.errors).toHaveLength(2);
		expect(problem.temporary).toBe(false);
	});

	it('is understood as an OAuth error too (RFC 6749 §5.2)', () => {
		expect(problemFrom(refused(400), { error: 'invalid_grant' }).code).toBe('invalid_grant');
	});

	it.each([
		[401, 'authentication_required'],
		[403, 'forbidden'],
		[404, 'not_found'],
		[429, 'too_many_attempts'],
		[500, 'internal_error'],
		[502, 'internal_error'],
		[503, 'unavailable'],
		[418, 'unreadable']
	])('without a body, status %i is %s', (status, code) => {
		for (const body of [null, undefined, '<html>', [], 7])
			expect(problemFrom(refused(status), body).code).toBe(code);
	});

	it('takes the request id from the header where the body has none', () => {
		expect(problemFrom(refused(500, { 'X-Request-Id': 'r-2' }), null).requestId).toBe('r-2');
	});
});

describe('a request without an answer', () => {
	it('is unreachable, and may succeed later', () => {
		const problem = problemFromThrown(new TypeError('Failed to fetch'));

		expect(problem).toBeInstanceOf(Problem);
		expect(problem).toMatchObject({ code: 'unreachable', status: 0, temporary: true });
	});

	it('says where it took too long', () => {
		expect(asProblem(new DOMException('', 'TimeoutError')).code).toBe('timed_out');
	});

	it('stays an abort where the page asked for it', () => {
		const abort = new DOMException('', 'AbortError');

		expect(problemFromThrown(abort)).toBe(abort);
		expect(isAbort(abort)).toBe(true);
	});
});

describe('Retry-After (RFC 9110 §10.2.3)', () => {
	const now = Date.parse('2026-01-01T00:00:00Z');

	it.each([
		['0', 0],
		['75', 75],
		[' 5 ', 5],
		['Thu, 01 Jan 2026 00:01:30 GMT', 90],
		['Wed, 31 Dec 2025 23:00:00 GMT', 0],
		['-5', null],
		['1.5', null],
		['soon', null],
		['', null],
		[null, null]
	])('%j means %j seconds', (header, seconds) => {
		expect(retryAfterSeconds(header, now)).toBe(seconds);
	});
});

describe('what a person reads', () => {
	const problem = (code: string, retryAfter: number | null = null) =>
		new Problem({ status: 503, code, detail: 'The server’s own words.', retryAfter });

	it('is our sentence for a code of the contract', () => {
		expect(explain(problem('last_admin'))).toBe(
			'This is the last active Admin. Give somebody else the role first.'
		);
	});

	it('is the server’s detail for a code we do not know', () => {
		expect(explain(problem('brand_new'))).toBe('The server’s own words.');
	});

	it('says how long to wait', () => {
		expect(explain(problem('overloaded', 2))).toBe('The service is busy right now. Try again in 2 seconds.');
		expect(explain(problem('overloaded', 2), false)).toBe('The service is busy right now.');
	});

	it('says when the wait is over', () => {
		expect(tryAgain(0)).toBe('You can try again now.');
	});
});
