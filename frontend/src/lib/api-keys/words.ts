/** What an API key is good for, in words. */
import type { ApiKey, RateLimit } from '$lib/api/api-keys';
import { namesInWords } from '$lib/account/access';
import { scopesInWords } from '$lib/auth/consent';
import { counted } from '$lib/format';

export type KeyStatus = 'active' | 'disabled' | 'expired';

/** Whether a key works now, and what stops it otherwise. */
export function statusOf({ disabled, expires_at }: ApiKey, now: number): KeyStatus {
	if (expires_at !== null && Date.parse(expires_at) <= now) return 'expired';
	return disabled ? 'disabled' : 'active';
}

const soonMs = 14 * 86_400_000;

/** Whether a key that works will have ended in two weeks. */
export function endsSoon(key: ApiKey, now: number): boolean {
	return (
		key.expires_at !== null && statusOf(key, now) === 'active' && Date.parse(key.expires_at) - now < soonMs
	);
}

/** Where a key works: one phrase for each of its limits. */
export function whereInWords({ hosts, paths, methods, cidrs }: ApiKey): string[] {
	const phrases = [
		hosts.length > 0 ? `on ${namesInWords(hosts)}` : '',
		paths.length > 0 ? `below ${namesInWords(paths, 3, 'or')}` : '',
		methods.length > 0 ? `with ${namesInWords(methods, 9)}` : '',
		cidrs.length > 0 ? `from ${namesInWords(cidrs, 3, 'or')}` : ''
	].filter((phrase) => phrase !== '');
	return phrases.length > 0 ? phrases : ['everywhere'];
}

/** The same as one sentence: "Works on app.example.com, below /reports". */
export function whereSentence(key: ApiKey): string {
	return `Works ${whereInWords(key).join(', ')}`;
}

/** What a key may do: its roles, then its scopes, in words where they have some. */
export function rightsInWords({ roles, scopes }: Pick<ApiKey, 'roles' | 'scopes'>): string[] {
	return [
		...(roles.length > 0
			? [`Act with the ${roles.length > 1 ? 'roles' : 'role'} ${namesInWords(roles, 9)}`]
			: []),
		...scopesInWords(scopes).map(({ name, sentence }) => sentence ?? `Whatever ${name} stands for`)
	];
}

const windows: Readonly<Record<number, string>> = {
	1: 'a second',
	60: 'a minute',
	3600: 'an hour',
	86_400: 'a day'
};

/** "60 requests a minute", "10 requests in 30 seconds". */
export function rateInWords({ count, window_seconds }: RateLimit): string {
	const window = windows[window_seconds] ?? `in ${counted(window_seconds, 'second')}`;
	return `${counted(count, 'request')} ${window}`;
}

/** How long the secret from before a rotation goes on, in hours. */
export const overlapOptions: readonly { value: string; label: string; hint: string }[] = [
	{ value: '24', label: 'For a day', hint: 'Time to put the new one everywhere.' },
	{ value: '168', label: 'For a week', hint: 'The longest that two of them work.' },
	{ value: '0', label: 'Not at all', hint: 'It has leaked: whoever uses it is refused at once.' }
];

/** How a program shows the key. */
export function headerOf(key: string): string {
	return `Authorization: Bearer ${key}`;
}
