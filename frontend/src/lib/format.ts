/** How numbers, times and names of things read on the pages. */

const language = 'en-GB';
const dateTimeFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
const dateFormat = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
const relativeFormat = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
const numberFormat = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
// British English would write a million with the "m" of a metre.
const compactFormat = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const percentFormat = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 });

/** Stands where there is no value. */
export const none = '–';

export function dateTime(iso: string): string {
	return formatted(iso, dateTimeFormat);
}

export function date(iso: string): string {
	return formatted(iso, dateFormat);
}

/** "5 minutes ago", "in 2 hours"; "just now" within ten seconds, so that clocks that differ a little do not show. */
export function relativeTime(iso: string, now = Date.now()): string {
	const time = Date.parse(iso);
	if (Number.isNaN(time)) return none;
	const seconds = Math.round((time - now) / 1000);
	const size = Math.abs(seconds);
	if (size < 10) return 'just now';
	if (size < 60) return relativeFormat.format(seconds, 'second');
	if (size < 3600) return relativeFormat.format(Math.trunc(seconds / 60), 'minute');
	if (size < 86_400) return relativeFormat.format(Math.trunc(seconds / 3600), 'hour');
	if (size < 30 * 86_400) return relativeFormat.format(Math.trunc(seconds / 86_400), 'day');
	return formatted(iso, dateFormat);
}

/** "3 d 4 h", "12 min": the two largest units. */
export function duration(seconds: number): string {
	const whole = Math.max(0, Math.floor(seconds));
	const parts = [
		[Math.floor(whole / 86_400), 'd'],
		[Math.floor(whole / 3600) % 24, 'h'],
		[Math.floor(whole / 60) % 60, 'min'],
		[whole % 60, 's']
	] as const;
	const first = parts.findIndex(([amount]) => amount > 0);
	if (first === -1) return '0 s';
	return parts
		.slice(first, first + 2)
		.filter(([amount], index) => index === 0 || amount > 0)
		.map(([amount, unit]) => `${amount} ${unit}`)
		.join(' ');
}

/** A wait as one says it: exact under ten minutes, then rounded up to minutes and hours. */
export function waitInWords(seconds: number): string {
	const whole = Math.max(1, Math.ceil(seconds));
	if (whole < 60) return counted(whole, 'second');
	if (whole < 600) {
		const rest = whole % 60;
		const minutes = counted(Math.floor(whole / 60), 'minute');
		return rest === 0 ? minutes : `${minutes} and ${counted(rest, 'second')}`;
	}
	if (whole < 5400) return counted(Math.ceil(whole / 60), 'minute');
	return `about ${counted(Math.round(whole / 3600), 'hour')}`;
}

export function counted(amount: number, noun: string): string {
	return `${numberFormat.format(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

export function number(value: number): string {
	return Math.abs(value) >= 100_000 ? compactFormat.format(value) : numberFormat.format(value);
}

/** A rate between 0 and 1 as a percentage. */
export function percent(rate: number): string {
	return percentFormat.format(rate);
}

/** "Firefox on Linux"; what a browser says about itself is a hint, and shown as no more. */
export function deviceInWords(userAgent: string | null): string {
	if (userAgent === null || userAgent.trim() === '') return 'Unknown device';
	const browser = firstMatch(userAgent, [
		[/\bEdg(?:e|A|iOS)?\//, 'Edge'],
		[/\bOPR\//, 'Opera'],
		[/\b(?:Firefox|FxiOS)\//, 'Firefox'],
		[/\b(?:HeadlessChrome|Chrome|CriOS|Chromium)\//, 'Chrome'],
		[/\bVersion\/[\d.]+.*Safari\//, 'Safari'],
		[/^curl\//, 'curl']
	]);
	const system = firstMatch(userAgent, [
		[/\bAndroid\b/, 'Android'],
		[/\biPhone\b/, 'iPhone'],
		[/\biPad\b/, 'iPad'],
		[/\bWindows\b/, 'Windows'],
		[/\bMac OS X\b/, 'macOS'],
		[/\bCrOS\b/, 'ChromeOS'],
		[/\bLinux\b/, 'Linux']
	]);
	if (browser && system) return `${browser} on ${system}`;
	return browser ?? system ?? (userAgent.length > 40 ? `${userAgent.slice(0, 39)}…` : userAgent);
}

/** What the Authentication Methods References of a token mean (RFC 8176). */
export function methodInWords(amr: string): string {
	const methods: Record<string, string> = {
		pwd: 'Password',
		otp: 'One-time code',
		hwk: 'Security key',
		mfa: 'Several factors'
	};
	return methods[amr] ?? amr;
}

/** One or two letters for a person's badge. */
export function initials(name: string): string {
	const words = name
		.trim()
		.split(/[\s._-]+/)
		.filter(Boolean);
	const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
	return letters
		.map((word) => Array.from(word ?? '')[0] ?? '')
		.join('')
		.toLocaleUpperCase(language);
}

function formatted(iso: string, format: Intl.DateTimeFormat): string {
	const time = Date.parse(iso);
	return Number.isNaN(time) ? none : format.format(time);
}

function firstMatch(text: string, table: readonly (readonly [RegExp, string])[]): string | null {
	return table.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}
