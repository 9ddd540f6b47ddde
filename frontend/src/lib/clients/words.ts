/** What the settings of a client are called on the pages. */
import type { ClientAuthMethod, ClientSource, GrantType } from '$lib/api/oauth-clients';

export const sourceWords: Readonly<Record<ClientSource, string>> = {
	built_in: 'Built in',
	settings: 'Settings',
	record: 'Administrators'
};

/** Why a client cannot be changed here, or null where it can. */
export function readOnlyReason(source: ClientSource): string | null {
	if (source === 'built_in')
		return 'Paseport itself uses it. Its redirect URIs and its secret come from the settings of the issuer.';
	if (source === 'settings')
		return 'It is defined in OAUTH_CLIENTS_JSON of the issuer. Change it there, then restart the issuer.';
	return null;
}

export const methodOptions: readonly { value: ClientAuthMethod; label: string }[] = [
	{ value: 'client_secret_basic', label: 'Secret in a header (client_secret_basic)' },
	{ value: 'client_secret_post', label: 'Secret in the form (client_secret_post)' },
	{ value: 'none', label: 'None: it can keep no secret' }
];

export const grantOptions: readonly { value: GrantType; label: string; hint: string }[] = [
	{
		value: 'authorization_code',
		label: 'Authorization code',
		hint: 'People sign in to it in their browser.'
	},
	{ value: 'refresh_token', label: 'Refresh token', hint: 'It stays signed in without asking again.' },
	{ value: 'client_credentials', label: 'Client credentials', hint: 'It acts for itself, without a person.' }
];

export const scopeOptions: readonly { value: string; hint: string; firstPartyOnly: boolean }[] = [
	{ value: 'openid', hint: 'Who somebody is; needed for an ID token.', firstPartyOnly: false },
	{ value: 'profile', hint: 'Name and user name.', firstPartyOnly: false },
	{ value: 'email', hint: 'E-mail address.', firstPartyOnly: false },
	{ value: 'roles', hint: 'Roles, looked up with every request.', firstPartyOnly: false },
	{ value: 'offline_access', hint: 'Access that outlives the browser’s session.', firstPartyOnly: false },
	{ value: 'account', hint: 'The own account: sessions, devices, consents.', firstPartyOnly: true },
	{ value: 'admin', hint: 'Administration, with the role Admin.', firstPartyOnly: true }
];

/** How long the secrets from before a roll go on. */
export const overlapOptions: readonly { value: string; label: string }[] = [
	{ value: '86400', label: 'For a day' },
	{ value: '604800', label: 'For a week' },
	{ value: '0', label: 'Not at all: it has leaked' }
];
