/** The form of a client: what is typed, what is wrong with it, and what it asks of the server. */
import type {
	ApplicationType,
	ClientAuthMethod,
	GrantType,
	NewOAuthClient,
	OAuthClient,
	OAuthClientChanges
} from '$lib/api/oauth-clients';

export interface ClientDraft {
	client_id: string;
	name: string;
	first_party: boolean;
	application_type: ApplicationType;
	auth_method: ClientAuthMethod;
	grants: GrantType[];
	scopes: string[];
	/** One URI a line, as are the two below. */
	redirect_uris: string;
	post_logout_redirect_uris: string;
	audiences: string;
	require_pkce: boolean;
	/** Seconds; empty: as long as those of the installation. */
	access_token_lifetime: string;
	refresh_lifetime: string;
}

export type DraftField = keyof ClientDraft;
export type DraftErrors = Partial<Record<DraftField, string | null>>;

export const draftFields: readonly DraftField[] = [
	'client_id',
	'name',
	'first_party',
	'application_type',
	'auth_method',
	'grants',
	'scopes',
	'redirect_uris',
	'post_logout_redirect_uris',
	'audiences',
	'require_pkce',
	'access_token_lifetime',
	'refresh_lifetime'
];

/** A web application of somebody else's: the least that is useful. */
export function emptyDraft(): ClientDraft {
	return {
		client_id: '',
		name: '',
		first_party: false,
		application_type: 'web',
		auth_method: 'client_secret_basic',
		grants: ['authorization_code'],
		scopes: ['openid'],
		redirect_uris: '',
		post_logout_redirect_uris: '',
		audiences: '',
		require_pkce: true,
		access_token_lifetime: '',
		refresh_lifetime: ''
	};
}

export function draftOf(client: OAuthClient): ClientDraft {
	return {
		client_id: client.client_id,
		name: client.name,
		first_party: client.first_party,
		application_type: client.application_type,
		auth_method: client.auth_method,
		grants: [...client.grants],
		scopes: [...client.scopes],
		redirect_uris: client.redirect_uris.join('\n'),
		post_logout_redirect_uris: client.post_logout_redirect_uris.join('\n'),
		audiences: client.audiences.join('\n'),
		require_pkce: client.require_pkce,
		access_token_lifetime: client.access_token_lifetime?.toString() ?? '',
		refresh_lifetime: client.refresh_lifetime?.toString() ?? ''
	};
}

/** What a form can say before it asks the server, which knows all rules and checks them again. */
export function draftErrors(draft: ClientDraft): DraftErrors {
	return {
		client_id: /^[A-Za-z0-9][A-Za-z0-9._-]{2,63}$/.test(draft.client_id.trim())
			? null
			: 'Use 3 to 64 letters, digits, dots, dashes, underscores; a letter or a digit first.',
		name: draft.name.trim() === '' ? 'Type a name.' : null,
		redirect_uris:
			draft.grants.includes('authorization_code') && linesOf(draft.redirect_uris).length === 0
				? 'Name at least one address to which people return after the sign-in.'
				: null,
		access_token_lifetime: secondsProblem(draft.access_token_lifetime),
		refresh_lifetime: secondsProblem(draft.refresh_lifetime)
	};
}

/** What the server is asked to create. */
export function requestOf(draft: ClientDraft): NewOAuthClient {
	return {
		client_id: draft.client_id.trim(),
		name: draft.name.trim(),
		first_party: draft.first_party,
		application_type: draft.application_type,
		auth_method: draft.auth_method,
		grants: [...draft.grants],
		scopes: [...draft.scopes],
		redirect_uris: linesOf(draft.redirect_uris),
		post_logout_redirect_uris: linesOf(draft.post_logout_redirect_uris),
		audiences: linesOf(draft.audiences),
		require_pkce: draft.require_pkce,
		access_token_lifetime: secondsOf(draft.access_token_lifetime),
		refresh_lifetime: secondsOf(draft.refresh_lifetime),
		disabled: false
	};
}

/** The fields in which a draft differs from the client as it is; the order of grants and scopes says nothing. */
export function changesOf(draft: ClientDraft, client: OAuthClient): OAuthClientChanges {
	const { client_id: _, disabled: __, ...wanted } = requestOf(draft);
	const current: Readonly<Record<string, unknown>> = client;
	return Object.fromEntries(
		Object.entries(wanted).filter(([field, value]) => !same(field, value, current[field]))
	);
}

/** One entry a line; empty lines and the white space around an entry are nobody's intention. */
export function linesOf(text: string): string[] {
	return text
		.split(/\r?\n/)
		.map((line) => line.trim())
		.filter((line) => line !== '');
}

function same(field: string, a: unknown, b: unknown): boolean {
	const unordered = field === 'grants' || field === 'scopes';
	const text = (value: unknown) =>
		JSON.stringify(unordered && Array.isArray(value) ? [...value].sort() : value);
	return text(a) === text(b);
}

function secondsProblem(text: string): string | null {
	return /^\s*(?:[1-9]\d{0,8})?\s*$/.test(text) ? null : 'Type a number of seconds, or nothing.';
}

function secondsOf(text: string): number | null {
	return text.trim() === '' ? null : Number(text);
}
