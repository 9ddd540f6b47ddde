/** The form "Would this pass?": what is typed, what is wrong with it, and what it asks of the server. */
import type { Decision, Question } from '$lib/api/decisions';
import type { Problem } from '$lib/api/problem';

export type AskerKind = 'anonymous' | 'user' | 'api_key';

export interface QuestionDraft {
	method: string;
	host: string;
	path: string;
	/** The client's address; empty where it does not matter. */
	address: string;
	kind: AskerKind;
	/** A user name or identifier, or the id of a key. */
	asker: string;
}

export type QuestionField = 'method' | 'host' | 'path' | 'address' | 'asker';
export type QuestionErrors = Partial<Record<QuestionField, string | null>>;

const serverNames: Readonly<Record<QuestionField, readonly string[]>> = {
	method: ['request.method'],
	host: ['request.host'],
	path: ['request.path'],
	address: ['request.address'],
	asker: ['asker', 'asker.user', 'asker.api_key']
};

export const methodOptions = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export const askerOptions: readonly { value: AskerKind; label: string; hint: string }[] = [
	{ value: 'anonymous', label: 'Nobody', hint: 'Without any credential.' },
	{ value: 'user', label: 'A user', hint: 'Somebody who is signed in, with the roles of now.' },
	{ value: 'api_key', label: 'An API key', hint: 'With what the key allows, and the owner’s roles of now.' }
];

export function emptyQuestion(): QuestionDraft {
	return { method: 'GET', host: '', path: '/', address: '', kind: 'anonymous', asker: '' };
}

/** A request that was denied, by whoever made it as far as that is known: where a question about it begins. */
export function questionOf(decision: Decision): QuestionDraft {
	const { method, host, address, credential, subject, key_id } = decision;
	const request = { method, host, path: pathOf(decision), address: address ?? '' };
	if (key_id !== null) return { ...request, kind: 'api_key', asker: key_id };
	if (subject !== '' && credential !== 'none') return { ...request, kind: 'user', asker: subject };
	return { ...request, kind: 'anonymous', asker: '' };
}

/** The log has the path decoded, where it could be: a question has it as it is sent. */
function pathOf({ path, reason }: Decision): string {
	return reason === 'request_unclear' ? path : encodeURI(path);
}

/** What a form can say before it asks the server, which knows all rules and checks them again. */
export function questionErrors(draft: QuestionDraft): QuestionErrors {
	const { host, path } = placeOf(draft);
	return {
		method: draft.method === '' ? 'Choose a method.' : null,
		host: host === '' ? 'Type a host, such as app.example.com.' : null,
		path: path.startsWith('/') ? null : 'A path begins with a slash.',
		asker:
			draft.kind === 'anonymous' || draft.asker.trim() !== ''
				? null
				: draft.kind === 'user'
					? 'Type a user name.'
					: 'Type the id of a key.'
	};
}

/** What the server says of each field. */
export function errorsFrom(problem: Problem): QuestionErrors {
	return Object.fromEntries(
		Object.entries(serverNames).map(([field, names]) => [
			field,
			names.map((name) => problem.about(name)).find((message) => message !== undefined) ?? null
		])
	);
}

export function requestOf(draft: QuestionDraft): Question {
	const { kind } = draft;
	const asker = draft.asker.trim();
	const address = draft.address.trim();
	return {
		request: { ...placeOf(draft), method: draft.method, ...(address === '' ? {} : { address }) },
		asker: {
			anonymous: kind === 'anonymous',
			...(kind === 'user' ? { user: asker } : {}),
			...(kind === 'api_key' ? { api_key: keyIdOf(asker) } : {}),
			// As in a browser; a key has its own.
			credential: 'session',
			scopes: []
		}
	};
}

/** The id in what people copy from the pages, and in a whole key, whose secret has no business here. */
function keyIdOf(text: string): string {
	return /^ppk_([0-9A-Za-z]{16})/.exec(text)?.[1] ?? text;
}

/** Host and path, also where somebody pasted a whole address into the field of the host. */
function placeOf({ host, path }: QuestionDraft): { host: string; path: string } {
	const pasted = /^https?:\/\/([^/?#]*)([^?#]*)/i.exec(host.trim());
	if (pasted === null) return { host: host.trim(), path: path.trim() };
	const rest = pasted[2] ?? '';
	return { host: pasted[1] ?? '', path: rest === '' ? path.trim() : rest };
}
