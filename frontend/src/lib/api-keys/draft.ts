/** The form of an API key: what is typed, what is wrong with it, and what it asks of the server. */
import type { ApiKey, ApiKeyChanges, NewApiKey, RateLimit } from '$lib/api/api-keys';
import type { Problem } from '$lib/api/problem';
import { linesOf } from '$lib/clients/draft';
import { emailProblem } from '$lib/users/rules';
import { rateInWords } from './words';

/** When a key ends: as it does now, after so many days, with a day that is chosen, never. */
export type Expiry = 'keep' | '30' | '90' | '365' | 'date' | 'never';

export interface KeyDraft {
	name: string;
	expiry: Expiry;
	/** `YYYY-MM-DD`, where a day is chosen: the key works until it is over, here. */
	date: string;
	roles: string[];
	scopes: string[];
	/** One a line, as are the paths and networks. */
	hosts: string;
	paths: string;
	methods: string[];
	cidrs: string;
	/** Requests; empty: as many as anybody likes. */
	limit: string;
	/** Seconds. */
	window: string;
	strict: boolean;
	comment: string;
	email: string;
}

export type KeyField =
	| 'name'
	| 'expiry'
	| 'roles'
	| 'scopes'
	| 'hosts'
	| 'paths'
	| 'methods'
	| 'cidrs'
	| 'limit'
	| 'comment'
	| 'email';
/** `form`: what is wrong with no field of the form, such as too many keys. */
export type KeyErrors = Partial<Record<KeyField | 'form', string | null>>;

/** The name that the server has for what stands in a field, where it is another one. */
const serverNames: Readonly<Record<KeyField, readonly string[]>> = {
	name: ['name'],
	expiry: ['expires_at', 'expires_in_days', 'never_expires'],
	roles: ['roles'],
	scopes: ['scopes'],
	hosts: ['hosts'],
	paths: ['paths'],
	methods: ['methods'],
	cidrs: ['cidrs', 'networks'],
	limit: ['rate_limit'],
	comment: ['comment'],
	email: ['email']
};
export const keyFields = Object.keys(serverNames) as readonly KeyField[];

/** Fields that stand behind "More limits": where one of them is wrong, they have to be in sight. */
export const folded: readonly KeyField[] = [
	'scopes',
	'paths',
	'methods',
	'cidrs',
	'limit',
	'comment',
	'email'
];

export const methodNames = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const reservedScopes: readonly string[] = ['admin', 'account', 'offline_access'];

/** A key for ninety days that works everywhere; `roles` are those that the owner has now. */
export function emptyDraft(roles: readonly string[] = []): KeyDraft {
	return {
		name: '',
		expiry: '90',
		date: '',
		// Whoever wants a program to administer the installation says so.
		roles: roles.filter((role) => role !== 'Admin'),
		scopes: [],
		hosts: '',
		paths: '',
		methods: [],
		cidrs: '',
		limit: '',
		window: '60',
		strict: false,
		comment: '',
		email: ''
	};
}

export function draftOf(key: ApiKey): KeyDraft {
	return {
		name: key.name,
		expiry: 'keep',
		date: '',
		roles: [...key.roles],
		scopes: [...key.scopes],
		hosts: key.hosts.join('\n'),
		paths: key.paths.join('\n'),
		methods: [...key.methods],
		cidrs: key.cidrs.join('\n'),
		limit: key.rate_limit?.count.toString() ?? '',
		window: key.rate_limit?.window_seconds.toString() ?? '60',
		strict: key.rate_limit?.strict ?? false,
		comment: key.comment,
		email: key.email ?? ''
	};
}

/** What a form can say before it asks the server, which knows all rules and checks them again. */
export function draftErrors(draft: KeyDraft, now: number): KeyErrors {
	return {
		name: nameProblem(draft.name),
		expiry: draft.expiry === 'date' ? dateProblem(draft.date, now) : null,
		hosts: firstProblem(draft.hosts, hostProblem),
		paths: firstProblem(draft.paths, pathProblem),
		limit: /^\s*(?:[1-9]\d{0,6})?\s*$/.test(draft.limit) ? null : 'Type a number of requests, or nothing.',
		comment: draft.comment.trim().length > 500 ? 'A comment has at most 500 characters.' : null,
		email: draft.email.trim() === '' ? null : emailProblem(draft.email)
	};
}

/** What the server says of each field, and what it says of none. */
export function errorsFrom({ errors }: Pick<Problem, 'errors'>): KeyErrors {
	const found: KeyErrors = Object.fromEntries(keyFields.map((field) => [field, null]));
	for (const { field: name, message } of errors) {
		const [whole = name] = name.split(/[.[]/, 1);
		const field = keyFields.find((one) => serverNames[one].includes(whole)) ?? 'form';
		found[field] ??= message;
	}
	return found;
}

/** What the server is asked to make. */
export function requestOf(draft: KeyDraft): NewApiKey {
	return { ...settingsOf(draft), ...expiryOf(draft), never_expires: draft.expiry === 'never' };
}

/** The fields in which a draft differs from the key as it is; the order of what has none says nothing. */
export function changesOf(draft: KeyDraft, key: ApiKey): ApiKeyChanges {
	const current: Readonly<Record<string, unknown>> = { ...key };
	const changed = Object.entries(settingsOf(draft)).filter(
		([field, value]) => !same(field, value, current[field])
	);
	return {
		...Object.fromEntries(changed),
		...expiryOf(draft),
		...(draft.expiry === 'never' && key.expires_at !== null ? { never_expires: true } : {})
	};
}

/** Whether a key like this is one that only a fresh sign-in may make: the server decides (AD-14). */
export function needsFreshSignIn({ expiry, roles }: KeyDraft): boolean {
	return expiry === 'never' || roles.includes('Admin');
}

/** When a key may end, for somebody who may also make it last for ever, or may not. */
export function expiryOptions(isAdmin: boolean, isNew: boolean): { value: Expiry; label: string }[] {
	return [
		...(isNew ? [] : [{ value: 'keep', label: 'As it is' } as const]),
		{ value: '30', label: isNew ? 'After 30 days' : '30 days from now' },
		{ value: '90', label: isNew ? 'After 90 days' : '90 days from now' },
		{ value: '365', label: isNew ? 'After a year' : 'A year from now' },
		{ value: 'date', label: 'After a day that you choose' },
		...(isAdmin ? [{ value: 'never', label: 'Never' } as const] : [])
	];
}

/** The windows of a limit, with the one that the key has. */
export function windowOptions(window: string): { value: string; label: string }[] {
	const common = [
		{ value: '1', label: 'A second' },
		{ value: '60', label: 'A minute' },
		{ value: '3600', label: 'An hour' },
		{ value: '86400', label: 'A day' }
	];
	if (common.some(({ value }) => value === window)) return common;
	const words = rateInWords({ count: 2, window_seconds: Number(window), strict: false });
	return [...common, { value: window, label: words.replace('2 requests in ', '') }];
}

/** Why a scope cannot be added, or null. */
export function scopeProblem(scope: string, scopes: readonly string[]): string | null {
	if (scopes.includes(scope)) return `${scope} is already in the list.`;
	if (reservedScopes.includes(scope))
		return `A key cannot have ${scope}: it is for people who are signed in.`;
	return /^[a-z][a-z0-9:._-]{0,63}$/.test(scope)
		? null
		: 'A scope starts with a small letter and has only small letters, digits and : . _ - after it.';
}

/** Why a method cannot be added, or null. */
export function methodProblem(method: string, methods: readonly string[]): string | null {
	if (methods.includes(method)) return `${method} is already in the list.`;
	return /^[A-Z]{1,32}$/.test(method) ? null : 'A method has only letters.';
}

/** The entries of a typed or pasted text: separated by commas or white space. */
export function entriesIn(text: string): string[] {
	return text.split(/[\s,;]+/).filter((entry) => entry !== '');
}

export const methodsIn = (text: string): string[] => entriesIn(text.toUpperCase());

function nameProblem(name: string): string | null {
	const length = Array.from(name.trim()).length;
	if (length === 0) return 'Type a name: what uses the key, and where.';
	return length > 64 ? 'A name has at most 64 characters.' : null;
}

function dateProblem(date: string, now: number): string | null {
	const end = endOf(date);
	if (end === null) return 'Choose a day.';
	return end.getTime() <= now ? 'Choose a day that is not over.' : null;
}

function hostProblem(host: string): string | null {
	const name = host.toLowerCase();
	const fits =
		name.length <= 255 &&
		/^(?:\*\.(?=.*\.))?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/.test(
			name
		);
	return fits ? null : `${host} is no host: type app.example.com, or *.example.com for all below it.`;
}

function pathProblem(path: string): string | null {
	if (path.includes('*')) return `${path} needs no star: what is below a path is meant too.`;
	return /^\/[^\s?#]*$/.test(path) ? null : `${path} is no path: it begins with a slash and has no query.`;
}

function firstProblem(text: string, check: (line: string) => string | null): string | null {
	return (
		linesOf(text)
			.map(check)
			.find((problem) => problem !== null) ?? null
	);
}

function settingsOf(draft: KeyDraft) {
	return {
		name: draft.name.trim(),
		roles: [...draft.roles],
		scopes: [...draft.scopes],
		hosts: linesOf(draft.hosts).map((host) => host.toLowerCase()),
		paths: linesOf(draft.paths),
		methods: [...draft.methods],
		cidrs: linesOf(draft.cidrs),
		rate_limit: rateOf(draft),
		comment: draft.comment.trim(),
		email: draft.email.trim() === '' ? null : draft.email.trim()
	};
}

function expiryOf({ expiry, date }: KeyDraft): { expires_at?: string; expires_in_days?: number } {
	if (expiry === 'keep' || expiry === 'never') return {};
	if (expiry !== 'date') return { expires_in_days: Number(expiry) };
	const end = endOf(date);
	return end === null ? {} : { expires_at: end.toISOString() };
}

/** The last second of a day where the person is, or null where the text is no day. */
function endOf(date: string): Date | null {
	const end = new Date(`${date}T23:59:59`);
	return /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(end.getTime()) ? end : null;
}

function rateOf({ limit, window, strict }: KeyDraft): RateLimit | null {
	return limit.trim() === '' ? null : { count: Number(limit), window_seconds: Number(window), strict };
}

function same(field: string, a: unknown, b: unknown): boolean {
	const unordered = field === 'roles' || field === 'scopes' || field === 'methods';
	const text = (value: unknown) => {
		if (unordered && Array.isArray(value)) return JSON.stringify([...(value as string[])].sort());
		// The members of a limit, in one order.
		if (field === 'rate_limit' && value !== null) {
			const { count, window_seconds, strict } = value as RateLimit;
			return JSON.stringify([count, window_seconds, strict]);
		}
		return JSON.stringify(value);
	};
	return text(a) === text(b);
}
