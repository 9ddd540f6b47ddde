/** What the settings of an identity provider are called on the pages. */
import type {
	Finding,
	Outcome,
	Provider,
	ProviderAuthMethod,
	ProviderKind,
	ResponseMode,
	TrustEmail
} from '$lib/api/providers';
import { counted } from '$lib/format';

export const kindWords: Readonly<Record<ProviderKind, string>> = {
	oidc: 'OpenID Connect',
	oauth2: 'OAuth 2.0'
};

export const kindOptions: readonly { value: ProviderKind; label: string; hint: string }[] = [
	{ value: 'oidc', label: 'OpenID provider', hint: 'It says by itself where everything is.' },
	{ value: 'oauth2', label: 'OAuth 2.0 provider', hint: 'Like GitHub: you say where everything is.' }
];

export const trustOptions: readonly { value: TrustEmail; label: string; hint: string }[] = [
	{
		value: 'never',
		label: 'Never',
		hint: 'Its users or its administrators choose addresses freely. Whoever has the address of an account here is asked for its password.'
	},
	{
		value: 'claim',
		label: 'Where it says that the address is verified',
		hint: 'Only if it says so itself for this person, with the claim named below.'
	},
	{
		value: 'always',
		label: 'Always',
		hint: 'It hands out the addresses itself, as the directory of your own company does.'
	}
];

export const methodOptions: readonly { value: ProviderAuthMethod; label: string }[] = [
	{ value: 'client_secret_basic', label: 'In a header (client_secret_basic)' },
	{ value: 'client_secret_post', label: 'In the form (client_secret_post)' }
];

export const modeOptions: readonly { value: ResponseMode; label: string }[] = [
	{ value: 'query', label: 'In the address (query)' },
	{ value: 'form_post', label: 'As a form (form_post)' }
];

export const iconOptions: readonly { value: string; label: string }[] = [
	{ value: 'openid', label: 'A key' },
	{ value: 'apple', label: 'Apple' },
	{ value: 'github', label: 'GitHub' },
	{ value: 'gitlab', label: 'GitLab' },
	{ value: 'google', label: 'Google' },
	{ value: 'keycloak', label: 'Keycloak' },
	{ value: 'microsoft', label: 'Microsoft' },
	{ value: 'rauthy', label: 'Rauthy' }
];

/** What a part of an issuer is called: "host", "tenant_id". */
export function partInWords(part: string): string {
	const words = part.replaceAll('_', ' ');
	return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Where a provider is: the host of its issuer, or of the endpoint that says who somebody is. */
export function hostOf({ issuer, endpoints }: Pick<Provider, 'issuer' | 'endpoints'>): string {
	const address = issuer ?? endpoints?.user ?? '';
	return URL.canParse(address) ? new URL(address).host : address;
}

/** Where the provider sends its answers and its logout tokens, before the server has said so. */
export function addressesOf(origin: string, name: string, sharedCallback: boolean) {
	const callback = `${origin}/auth/v1/oauth/callback`;
	return {
		redirect_uri: sharedCallback ? callback : `${callback}/${name}`,
		backchannel_logout_uri: `${origin}/auth/v1/oauth/backchannel-logout/${name}`
	};
}

const checks: Readonly<Record<string, string>> = {
	address: 'Address',
	discovery: 'Metadata',
	issuer: 'Issuer',
	endpoints: 'Endpoints',
	keys: 'Keys',
	algorithms: 'Signatures',
	pkce: 'PKCE',
	scopes: 'Scopes',
	response_mode: 'Answers',
	shared_callback: 'Shared callback',
	credentials: 'Client id and secret'
};

export function checkInWords(check: string): string {
	return Object.hasOwn(checks, check) ? (checks[check] ?? check) : check;
}

export const outcomeWords: Readonly<Record<Outcome, string>> = {
	ok: 'OK',
	warning: 'Warning',
	failed: 'Failed'
};

/** The whole of a test in one sentence. */
export function summaryOf(findings: readonly Finding[]): string {
	const count = (wanted: Outcome) => findings.filter(({ outcome }) => outcome === wanted).length;
	const [failed, warnings] = [count('failed'), count('warning')];
	if (failed > 0) return `The connection does not work: ${counted(failed, 'check')} failed.`;
	if (findings.length === 0) return 'Nothing could be tried.';
	const untried = findings.some(({ check }) => check === 'credentials')
		? ''
		: ' Client id and secret were not tried: that needs the secret.';
	if (warnings > 0) return `The connection works, with ${counted(warnings, 'warning')}.${untried}`;
	return `The connection works.${untried}`;
}
