import { describe, expect, it } from 'vitest';
import {
	counted,
	deviceInWords,
	duration,
	initials,
	none,
	number,
	percent,
	relativeTime,
	waitInWords
} from './format';

describe('a wait in words', () => {
	it.each([
		[0, '1 second'],
		[0.2, '1 second'],
		[1, '1 second'],
		[45, '45 seconds'],
		[60, '1 minute'],
		[61, '1 minute and 1 second'],
		[75, '1 minute and 15 seconds'],
		[120, '2 minutes'],
		[599, '9 minutes and 59 seconds'],
		[600, '10 minutes'],
		[601, '11 minutes'],
		[900, '15 minutes'],
		[3600, '60 minutes'],
		[5400, 'about 2 hours'],
		[86_400, 'about 24 hours']
	])('%d seconds are %s', (seconds, words) => {
		expect(waitInWords(seconds)).toBe(words);
	});
});

describe('a duration', () => {
	it.each([
		[0, '0 s'],
		[59.9, '59 s'],
		[61, '1 min 1 s'],
		[120, '2 min'],
		[3600, '1 h'],
		[7380, '2 h 3 min'],
		[90_000, '1 d 1 h'],
		[-5, '0 s']
	])('of %d seconds is %s', (seconds, words) => {
		expect(duration(seconds)).toBe(words);
	});
});

describe('a time relative to now', () => {
	const now = Date.parse('2026-06-01T12:00:00Z');

	it.each([
		['2026-06-01T12:00:04Z', 'just now'],
		['2026-06-01T11:59:30Z', '30 seconds ago'],
		['2026-06-01T11:58:01Z', '1 minute ago'],
		['2026-06-01T12:04:40Z', 'in 4 minutes'],
		['2026-06-01T09:00:00Z', '3 hours ago'],
		['2026-05-31T11:00:00Z', 'yesterday'],
		['2026-01-01T12:00:00Z', '1 Jan 2026'],
		['nonsense', none]
	])('%s is %s', (iso, words) => {
		expect(relativeTime(iso, now)).toBe(words);
	});
});

describe('numbers', () => {
	it('are grouped, short where they are large, and counted in the right form', () => {
		expect(number(9999.94)).toBe('9,999.9');
		expect(number(1_234_567)).toBe('1.2M');
		expect(percent(0.0007)).toBe('0.07%');
		expect(counted(1, 'user')).toBe('1 user');
		expect(counted(0, 'user')).toBe('0 users');
		expect(counted(1234, 'user')).toBe('1,234 users');
	});
});

describe('what a browser says about itself', () => {
	it.each([
		[
			'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
			'Chrome on Linux'
		],
		[
			'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0',
			'Edge on Windows'
		],
		[
			'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0',
			'Firefox on macOS'
		],
		[
			'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
			'Safari on iPhone'
		],
		[
			'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36',
			'Chrome on Android'
		],
		['curl/8.5.0', 'curl'],
		['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
		['', 'Unknown device'],
		[null, 'Unknown device']
	])('%s is %s', (userAgent, words) => {
		expect(deviceInWords(userAgent)).toBe(words);
	});

	it('is cut where it is long and unknown', () => {
		expect(deviceInWords('x'.repeat(500))).toHaveLength(40);
	});
});

describe('initials', () => {
	it.each([
		['admin', 'A'],
		['jo.doe', 'JD'],
		['first_middle-last', 'FL'],
		['émile', 'É'],
		['', '']
	])('of %s are %s', (name, letters) => {
		expect(initials(name)).toBe(letters);
	});
});
