/** The form of an identity provider: what is typed, what is wrong with it, and what it asks of the server. */
import { fieldErrors, type Problem } from '$lib/api/problem';
import type {
	GroupRole,
	NewProvider,
	Provider,
	ProviderAuthMethod,
	ProviderChanges,
	ProviderKind,
	ProviderPreset,
	ResponseMode,
	TriedProvider,
	TrustEmail
} from '$lib/api/providers';

export interface ProviderDraft {
	kind: ProviderKind;
	name: string;
	display_name: string;
	/** Of OpenID providers. A preset's may have parts in braces, which `issuer_parts` fill in. */
	issuer: string;
	issuer_parts: Record<string, string>;
	/** Of OAuth 2.0 providers. */
	endpoints: Record<'authorization' | 'token' | 'user' | 'emails', string>;
	client_id: string;
	/** Empty: none yet, or that which the server has. */
	client_secret: string;
	auth_method: ProviderAuthMethod;
	/** Separated by spaces. */
	scopes: string;
	/** `subject`: several, separated by spaces. `groups`: empty where nothing is mapped. */
	claims: Record<'subject' | 'username' | 'email' | 'email_verified' | 'name' | 'groups', string>;
	trust_email: TrustEmail;
	/** One a line. */
	allowed_domains: string;
	create_users: boolean;
	default_roles: string[];
	group_roles: GroupRole[];
	response_mode: ResponseMode;
	shared_callback: boolean;
	end_upstream_session: boolean;
	/** Seconds. */
	refresh_seconds: string;
	api_access: ApiAccessDraft;
	icon: string;
	position: string;
	enabled: boolean;
	is_default: boolean;
}

/** What its own access tokens open here: keys, or nothing. Of what is empty, the server decides. */
export interface ApiAccessDraft {
	allowed: boolean;
	/** One a line. */
	audiences: string;
	/** Several, separated by spaces. */
	subject: string;
	groups: string;
	admin_group: string;
	group_case_sensitive: boolean;
	tenant: string;
}

/** Keyed as the server names fields, `issuer_parts.host` for a part of the issuer, and `form` for what has no field. */
export type ProviderErrors = Partial<Record<string, string | null>>;

/** The fields at which something is said; what the server names beside them is said of the form. */
export const draftFields = [
	'name',
	'display_name',
	'issuer',
	'endpoints.authorization',
	'endpoints.token',
	'endpoints.user',
	'endpoints.emails',
	'client_id',
	'client_secret',
	'auth_method',
	'scopes',
	'claims.subject',
	'claims.username',
	'claims.email',
	'claims.email_verified',
	'claims.name',
	'claims.groups',
	'trust_email',
	'allowed_domains',
	'default_roles',
	'group_roles',
	'response_mode',
	'shared_callback',
	'end_upstream_session',
	'refresh_seconds',
	'api_access.audiences',
	'api_access.subject',
	'api_access.groups',
	'api_access.admin_group',
	'api_access.tenant',
	'icon',
	'position',
	'is_default'
] as const;

/** What stands below "More settings". */
const firstFields = /^(?:form$|name$|display_name$|issuer|endpoints|client_id$|client_secret$|enabled$)/;

/** A provider of whom nothing is known but what it speaks. */
export function emptyDraft(kind: ProviderKind): ProviderDraft {
	return {
		kind,
		name: '',
		display_name: '',
		issuer: '',
		issuer_parts: {},
		endpoints: { authorization: '', token: '', user: '', emails: '' },
		client_id: '',
		client_secret: '',
		auth_method: 'client_secret_basic',
		scopes: kind === 'oidc' ? 'openid profile email' : '',
		claims: {
			subject: kind === 'oidc' ? 'sub' : 'id',
			username: 'preferred_username',
			email: 'email',
			email_verified: 'email_verified',
			name: 'name',
			groups: ''
		},
		trust_email: kind === 'oidc' ? 'claim' : 'never',
		allowed_domains: '',
		create_users: true,
		default_roles: [],
		group_roles: [],
		response_mode: 'query',
		shared_callback: false,
		end_upstream_session: false,
		refresh_seconds: '3600',
		api_access: accessOf(null),
		icon: 'openid',
		position: '0',
		enabled: true,
		is_default: false
	};
}

export function draftOfPreset(preset: ProviderPreset): ProviderDraft {
	const issuer = preset.issuer ?? '';
	return {
		...emptyDraft(preset.kind),
		name: preset.name,
		display_name: preset.display_name,
		issuer,
		issuer_parts: Object.fromEntries(partsOf(issuer).map((part) => [part, ''])),
		...protocolOf(preset)
	};
}

export function draftOf(provider: Provider): ProviderDraft {
	return {
		...emptyDraft(provider.kind),
		name: provider.name,
		display_name: provider.display_name,
		issuer: provider.issuer ?? '',
		client_id: provider.client_id,
		...protocolOf(provider),
		allowed_domains: provider.allowed_domains.join('\n'),
		create_users: provider.create_users,
		default_roles: [...provider.default_roles],
		group_roles: provider.group_roles.map((line) => ({ ...line })),
		shared_callback: provider.shared_callback,
		end_upstream_session: provider.end_upstream_session,
		refresh_seconds: String(provider.refresh_seconds),
		api_access: accessOf(provider.api_access),
		position: String(provider.position),
		enabled: provider.enabled,
		is_default: provider.is_default
	};
}

function accessOf(access: Provider['api_access']): ApiAccessDraft {
	return {
		allowed: access !== null,
		audiences: (access?.audiences ?? []).join('\n'),
		subject: (access?.subject ?? []).join(' '),
		groups: access?.groups ?? '',
		admin_group: access?.admin_group ?? '',
		group_case_sensitive: access?.group_case_sensitive ?? true,
		tenant: access?.tenant ?? ''
	};
}

/** What a preset and a provider both say. */
function protocolOf({
	endpoints,
	auth_method,
	scopes,
	claims,
	trust_email,
	response_mode,
	icon
}: ProviderPreset | Provider) {
	return {
		endpoints: {
			authorization: endpoints?.authorization ?? '',
			token: endpoints?.token ?? '',
			user: endpoints?.user ?? '',
			emails: endpoints?.emails ?? ''
		},
		auth_method,
		scopes: scopes.join(' '),
		claims: {
			subject: (claims.subject ?? []).join(' '),
			username: claims.username,
			email: claims.email,
			email_verified: claims.email_verified,
			name: claims.name,
			groups: claims.groups ?? ''
		},
		trust_email,
		response_mode,
		icon
	};
}

/** The parts in braces of a preset's issuer, in their order. */
export function partsOf(issuer: string): string[] {
	return [...new Set([...issuer.matchAll(/\{([a-z_]+)\}/g)].map(([, part]) => part ?? ''))];
}

/** The issuer with its parts filled in; one that is empty stays in braces. */
export function issuerOf({ issuer, issuer_parts }: ProviderDraft): string {
	return issuer.trim().replace(/\{([a-z_]+)\}/g, (braces, part: string) => {
		const value = issuer_parts[part]?.trim() ?? '';
		return value === '' ? braces : value;
	});
}

/** What a form can say before it asks the server, which knows all rules and checks them again. */
export function draftErrors(draft: ProviderDraft, needs: { name: boolean; secret: boolean }): ProviderErrors {
	const lines = linesOf(draft.group_roles);
	return {
		...(needs.name && {
			name: /^[a-z][a-z0-9-]{0,31}$/.test(draft.name.trim())
				? null
				: 'Use 1 to 32 lower-case letters, digits and dashes; a letter first.'
		}),
		display_name: draft.display_name.trim() === '' ? 'Type what people call it.' : null,
		...(draft.kind === 'oidc' ? issuerErrors(draft) : endpointErrors(draft)),
		client_id: draft.client_id.trim() === '' ? 'Copy the client id as the provider shows it.' : null,
		client_secret:
			needs.secret && draft.client_secret === '' ? 'Copy the secret as the provider shows it.' : null,
		'claims.subject':
			wordsOf(draft.claims.subject).length === 0 ? 'Name the claim that names somebody for ever.' : null,
		'claims.groups':
			lines.length > 0 && draft.claims.groups.trim() === '' ? 'Name the claim that has the groups.' : null,
		group_roles: lines.some(({ group, role }) => group === '' || role === '')
			? 'Each line names a group and a role.'
			: null,
		...accessErrors(draft),
		refresh_seconds:
			/^\s*\d{1,5}\s*$/.test(draft.refresh_seconds) && Number(draft.refresh_seconds) >= 60
				? null
				: 'Type 60 to 86400 seconds.',
		position: /^\s*\d{1,5}\s*$/.test(draft.position) ? null : 'Type a whole number, 0 or more.'
	};
}

function issuerErrors(draft: ProviderDraft): ProviderErrors {
	const parts = partsOf(draft.issuer);
	if (parts.length === 0) return { issuer: addressError(draft.issuer) };
	return Object.fromEntries(
		parts.map((part) => {
			const value = draft.issuer_parts[part]?.trim() ?? '';
			const fits = value !== '' && !/[\s{}?#@]|:\/\//.test(value);
			return [`issuer_parts.${part}`, fits ? null : 'Type this part of the address, and nothing else.'];
		})
	);
}

function endpointErrors({ endpoints }: ProviderDraft): ProviderErrors {
	return {
		'endpoints.authorization': addressError(endpoints.authorization),
		'endpoints.token': addressError(endpoints.token),
		'endpoints.user': addressError(endpoints.user),
		'endpoints.emails': endpoints.emails.trim() === '' ? null : addressError(endpoints.emails)
	};
}

function accessErrors({ kind, api_access: access, claims }: ProviderDraft): ProviderErrors {
	if (kind !== 'oidc' || !access.allowed) return {};
	const hasNoGroups = access.groups.trim() === '' && claims.groups.trim() === '';
	return {
		'api_access.audiences':
			wordsOf(access.audiences).length === 0 ? 'Name for whom these tokens are made.' : null,
		'api_access.groups':
			access.admin_group.trim() !== '' && hasNoGroups ? 'Name the claim that has the groups.' : null
	};
}

function addressError(text: string): string | null {
	return /^https:\/\/\S+$/.test(text.trim()) ? null : 'Type an address that begins with https.';
}

/** What the server refused, at the fields; `form` where it is about none of them. */
export function refusals(problem: Problem): ProviderErrors {
	if (problem.code === 'already_exists') return { name: 'There is a provider of this name already.' };
	const found: ProviderErrors = fieldErrors(draftFields, problem);
	// What is wrong with all endpoints together is said at the first.
	const whole = problem.errors.find(({ field }) => field === 'endpoints')?.message;
	if (whole) found['endpoints.authorization'] ??= whole;
	if (!Object.values(found).some(Boolean)) found['form'] = problem.errors[0]?.message ?? null;
	return found;
}

/** The errors of a draft whose issuer has parts: what is wrong with the whole is said at the last of them. */
export function atParts(errors: ProviderErrors, draft: ProviderDraft): ProviderErrors {
	const last = partsOf(draft.issuer).at(-1);
	if (last === undefined || !errors['issuer']) return errors;
	return { ...errors, issuer: null, [`issuer_parts.${last}`]: errors['issuer'] };
}

/** Whether something is wrong with a field that may be folded away. */
export function hasErrorBelow(errors: ProviderErrors): boolean {
	return Object.entries(errors).some(([field, error]) => error && !firstFields.test(field));
}

/** What the server is asked to register. */
export function requestOf(draft: ProviderDraft): NewProvider {
	return {
		...settingsOf(draft),
		...identityOf(draft),
		client_secret: draft.client_secret.trim()
	};
}

/** What the server is asked to try; without a secret where none is typed. */
export function trialOf(draft: ProviderDraft): TriedProvider {
	const secret = draft.client_secret.trim();
	return {
		...settingsOf(draft),
		...identityOf(draft),
		...(secret === '' ? {} : { client_secret: secret })
	};
}

/** The fields in which a draft differs from the provider as it is; a secret only where one is typed. */
export function changesOf(draft: ProviderDraft, provider: Provider): ProviderChanges {
	const wanted = settingsOf(draft);
	const current = settingsOf(draftOf(provider));
	const changed = Object.entries(wanted).filter(
		([field, value]) => !same(field, value, current[field as keyof typeof current])
	);
	const secret = draft.client_secret.trim();
	return { ...Object.fromEntries(changed), ...(secret === '' ? {} : { client_secret: secret }) };
}

/** What is decided once. */
function identityOf(draft: ProviderDraft) {
	return { name: draft.name.trim(), kind: draft.kind, enabled: draft.enabled };
}

function settingsOf(draft: ProviderDraft) {
	const isOpenId = draft.kind === 'oidc';
	return {
		display_name: draft.display_name.trim(),
		...(isOpenId ? { issuer: issuerOf(draft) } : { endpoints: endpointsOf(draft) }),
		client_id: draft.client_id.trim(),
		auth_method: draft.auth_method,
		scopes: wordsOf(draft.scopes),
		claims: {
			subject: wordsOf(draft.claims.subject),
			username: draft.claims.username.trim(),
			email: draft.claims.email.trim(),
			email_verified: draft.claims.email_verified.trim(),
			name: draft.claims.name.trim(),
			groups: draft.claims.groups.trim() || null
		},
		trust_email: draft.trust_email,
		allowed_domains: draft.allowed_domains
			.split(/[\s,;]+/)
			.map((domain) => domain.toLowerCase())
			.filter((domain) => domain !== ''),
		create_users: draft.create_users,
		default_roles: [...draft.default_roles],
		group_roles: linesOf(draft.group_roles),
		response_mode: draft.response_mode,
		// Only OpenID providers can.
		shared_callback: isOpenId && draft.shared_callback,
		end_upstream_session: isOpenId && draft.end_upstream_session,
		api_access: isOpenId && draft.api_access.allowed ? rulesOf(draft.api_access) : null,
		refresh_seconds: Number(draft.refresh_seconds),
		icon: draft.icon,
		position: Number(draft.position),
		is_default: draft.is_default
	};
}

function rulesOf(access: ApiAccessDraft) {
	const subject = wordsOf(access.subject);
	return {
		audiences: wordsOf(access.audiences),
		subject: subject.length === 0 ? null : subject,
		groups: access.groups.trim() || null,
		admin_group: access.admin_group.trim() || null,
		group_case_sensitive: access.group_case_sensitive,
		tenant: access.tenant.trim() || null
	};
}

function endpointsOf({ endpoints }: ProviderDraft) {
	return {
		authorization: endpoints.authorization.trim(),
		token: endpoints.token.trim(),
		user: endpoints.user.trim(),
		emails: endpoints.emails.trim() || null
	};
}

/** The lines in which something is typed. */
function linesOf(lines: readonly GroupRole[]): GroupRole[] {
	return lines
		.map(({ group, role }) => ({ group: group.trim(), role: role.trim() }))
		.filter(({ group, role }) => group !== '' || role !== '');
}

function wordsOf(text: string): string[] {
	return text.split(/[\s,]+/).filter((word) => word !== '');
}

function same(field: string, a: unknown, b: unknown): boolean {
	const unordered = ['scopes', 'default_roles', 'allowed_domains'].includes(field);
	const text = (value: unknown) =>
		JSON.stringify(unordered && Array.isArray(value) ? [...value].sort() : value);
	return text(a) === text(b);
}
