/** What the parts of a denial are called on the pages. The reason itself speaks in the server's own words. */
import type { CredentialKind, Decision } from '$lib/api/decisions';

const credentials: Readonly<Record<CredentialKind, string>> = {
	none: 'Nothing',
	access_token: 'Access token',
	api_key: 'API key',
	session: 'Browser session'
};

export function credentialInWords(kind: CredentialKind): string {
	return Object.hasOwn(credentials, kind) ? credentials[kind] : kind;
}

/** The request as one line: "GET app.example.com/reports". Some of it is unknown where the request was unclear. */
export function requestLine({ method, host, path }: Pick<Decision, 'method' | 'host' | 'path'>): string {
	return `${method} ${host}${path}`.trim() || 'A request that could not be read';
}

/** What would have let it pass, as a sentence: the server names it in the middle of one. */
export function remedySentence(remedy: string): string {
	const text = remedy.trim();
	if (text === '') return 'Nothing is known that would.';
	const first = text.charAt(0).toUpperCase() + text.slice(1);
	return /[.!?]$/.test(first) ? first : `${first}.`;
}

/** A rule by its name, with the line where it stands in its file. */
export function lineInWords(line: number | null): string {
	return line === null ? 'not in the file any more' : `line ${line}`;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where a subject has a page: a user's identifier is a UUID, a machine's is its client id. */
export function subjectPage(subject: string): string | null {
	if (subject === '') return null;
	return uuid.test(subject)
		? `/users/${encodeURIComponent(subject)}`
		: `/clients?client=${encodeURIComponent(subject)}`;
}

/** The page of a key: it stands below its owner. */
export function keyPage(owner: string, key: string): string {
	return `/api-keys/${encodeURIComponent(owner)}/${encodeURIComponent(key)}`;
}
