import { describe, expect, it } from 'vitest';
import { Problem } from '$lib/api/problem';
import type { Finding, Outcome, Provider, ProviderPreset } from '$lib/api/providers';
import {
	atParts,
	changesOf,
	draftErrors,
	draftFields,
	draftOf,
	draftOfPreset,
	emptyDraft,
	hasErrorBelow,
	issuerOf,
	partsOf,
	refusals,
	requestOf,
	trialOf
} from './draft';
import { addressesOf, checkInWords, hostOf, partInWords, summaryOf } from './words';

const https = (rest: string) => `https:${'//'}${rest}`;

const company: Provider = {
	id: '019bc0de-0000-7000-8000-000000000001',
	name: 'company',
	display_name: 'The company',
	kind: 'oidc',
	issuer: https('sso.example.org/realms/staff'),
	endpoints: null,
	client_id: 'paseport',
	auth_method: 'client_secret_basic',
	scopes: ['openid', 'profile', 'email'],
	claims: {
		subject: ['tid', 'oid'],
		username: 'preferred_username',
		email: 'email',
		email_verified: 'email_verified',
		name: 'name',
		groups: 'groups'
	},
	trust_email: 'always',
	allowed_domains: ['example.org', 'example.net'],
	create_users: true,
	default_roles: ['User', 'Reports'],
	group_roles: [{ group: 'ops', role: 'Admin' }],
	response_mode: 'query',
	shared_callback: false,
	end_upstream_session: true,
	api_access: null,
	refresh_seconds: 3600,
	icon: 'keycloak',
	position: 3,
	enabled: true,
	is_default: false,
	redirect_uri: https('auth.example.org/auth/v1/oauth/callback/company'),
	backchannel_logout_uri: https('auth.example.org/auth/v1/oauth/backchannel-logout/company'),
	created_at: '2026-01-12T08:00:00Z',
	updated_at: '2026-01-14T16:45:00Z'
};

const keycloak: ProviderPreset = {
	name: 'keycloak',
	display_name: 'Keycloak',
	kind: 'oidc',
	issuer: https('{host}/realms/{realm}'),
	endpoints: null,
	auth_method: 'client_secret_basic',
	scopes: ['openid', 'profile', 'email'],
	claims: { ...company.claims, subject: ['sub'] },
	trust_email: 'claim',
	response_mode: 'query',
	icon: 'keycloak'
};

const needs = { name: true, secret: true };
const refused = (errors: { field: string; message: string }[], code = 'validation_failed') =>
	new Problem({
		status: 422,
		code,
		detail: 'No.',
		errors: errors.map((error) => ({ ...error, code: 'format' }))
	});

describe('the form of a provider', () => {
	it('changes nothing that nobody touched', () => {
		expect(changesOf(draftOf(company), company)).toEqual({});
	});

	it('asks for what access tokens of the provider open, and takes it back', () => {
		const rules = {
			audiences: ['api://keys', 'api://more'],
			subject: ['oid'],
			groups: 'roles',
			admin_group: 'key admins',
			group_case_sensitive: false,
			tenant: '1111'
		};
		const draft = draftOf(company);
		draft.api_access = {
			allowed: true,
			audiences: ' api://keys\n\napi://more ',
			subject: ' oid ',
			groups: 'roles',
			admin_group: ' key admins ',
			group_case_sensitive: false,
			tenant: '1111'
		};
		draft.refresh_seconds = ' 600 ';
		expect(changesOf(draft, company)).toEqual({ api_access: rules, refresh_seconds: 600 });

		const open = { ...company, api_access: rules };
		expect(changesOf(draftOf(open), open)).toEqual({});
		const closed = draftOf(open);
		closed.api_access.allowed = false;
		expect(changesOf(closed, open)).toEqual({ api_access: null });
	});

	it('says what is missing before access tokens of the provider open anything', () => {
		const draft = { ...draftOf(company), refresh_seconds: '59' };
		draft.claims.groups = '';
		draft.group_roles = [];
		draft.api_access = { ...draft.api_access, allowed: true, admin_group: 'admins' };
		const errors = draftErrors(draft, { name: false, secret: false });
		expect(Object.keys(errors).filter((field) => errors[field])).toEqual([
			'api_access.audiences',
			'api_access.groups',
			'refresh_seconds'
		]);
		expect(hasErrorBelow(errors)).toBe(true);
		draft.api_access.allowed = false;
		expect(draftErrors(draft, { name: false, secret: false })['api_access.audiences']).toBeUndefined();
	});

	it('takes another order of scopes, roles and domains for no change', () => {
		const draft = draftOf(company);
		draft.scopes = 'email openid profile';
		draft.default_roles.reverse();
		draft.allowed_domains = 'Example.net\nexample.org';

		expect(changesOf(draft, company)).toEqual({});
	});

	it('asks for what differs alone, and for claims as a whole', () => {
		const draft = draftOf(company);
		draft.display_name = ' Our company ';
		draft.claims.subject = 'sub';
		draft.claims.groups = ' ';
		draft.group_roles = [];
		draft.position = ' 0 ';

		expect(changesOf(draft, company)).toEqual({
			display_name: 'Our company',
			claims: { ...company.claims, subject: ['sub'], groups: null },
			group_roles: [],
			position: 0
		});
	});

	it('sends a secret only where one is typed, and never asks for another name, kind or state', () => {
		const draft = { ...draftOf(company), name: 'other', kind: 'oidc' as const, enabled: false };
		expect(changesOf(draft, company)).toEqual({});
		expect(changesOf({ ...draft, client_secret: ' new ' }, company)).toEqual({ client_secret: 'new' });
	});

	it('registers an OpenID provider of a preset with what was filled in', () => {
		const draft = draftOfPreset(keycloak);
		draft.issuer_parts = { host: ' sso.example.org ', realm: 'staff' };
		draft.client_id = ' paseport ';
		draft.client_secret = ' secret ';

		expect(draftErrors(draft, needs)).not.toSatisfy((errors: object) => Object.values(errors).some(Boolean));
		expect(requestOf(draft)).toMatchObject({
			name: 'keycloak',
			kind: 'oidc',
			issuer: https('sso.example.org/realms/staff'),
			client_id: 'paseport',
			client_secret: 'secret',
			claims: keycloak.claims,
			trust_email: 'claim',
			enabled: true
		});
		expect(requestOf(draft)).not.toHaveProperty('endpoints');
	});

	it('registers an OAuth 2.0 provider without what only OpenID providers have', () => {
		const draft = { ...emptyDraft('oauth2'), shared_callback: true, end_upstream_session: true };
		draft.endpoints = {
			authorization: https('code.example.org/authorize'),
			token: https('code.example.org/token'),
			user: https('code.example.org/user'),
			emails: ' '
		};

		expect(requestOf(draft)).toMatchObject({
			kind: 'oauth2',
			endpoints: { user: https('code.example.org/user'), emails: null },
			shared_callback: false,
			end_upstream_session: false
		});
		expect(requestOf(draft)).not.toHaveProperty('issuer');
	});

	it('tries the credentials only with a secret', () => {
		expect(trialOf(draftOf(company))).not.toHaveProperty('client_secret');
		expect(trialOf({ ...draftOf(company), client_secret: 'x' })).toMatchObject({ client_secret: 'x' });
	});

	it('leaves out lines in which nothing is typed, and refuses half ones', () => {
		const draft = { ...draftOf(company), group_roles: [{ group: ' ', role: '' }] };
		expect(requestOf(draft).group_roles).toEqual([]);
		expect(draftErrors(draft, needs)['group_roles']).toBeNull();
		draft.group_roles = [{ group: 'ops', role: '' }];
		expect(draftErrors(draft, needs)['group_roles']).not.toBeNull();
	});

	it('wants to know which claim has the groups that give roles', () => {
		const draft = draftOf(company);
		draft.claims.groups = '';
		expect(draftErrors(draft, needs)['claims.groups']).not.toBeNull();
		expect(draftErrors({ ...draft, group_roles: [] }, needs)['claims.groups']).toBeNull();
	});

	it.each(['', 'Company', '9lives', 'a b', '-x', 'x'.repeat(33)])('%j is no name', (name) => {
		expect(draftErrors({ ...draftOf(company), name }, needs)['name']).not.toBeNull();
	});

	it('asks neither for the name nor for the secret of one that is registered', () => {
		const errors = draftErrors({ ...draftOf(company), name: '' }, { name: false, secret: false });
		expect(Object.values(errors).filter(Boolean)).toEqual([]);
	});
});

describe('an issuer with parts', () => {
	it('is filled in, part by part', () => {
		const draft = draftOfPreset(keycloak);
		expect(partsOf(draft.issuer)).toEqual(['host', 'realm']);
		draft.issuer_parts['host'] = 'sso.example.org';
		expect(issuerOf(draft)).toBe(https('sso.example.org/realms/{realm}'));
		expect(draftErrors(draft, needs)).toMatchObject({
			'issuer_parts.host': null,
			'issuer_parts.realm': expect.any(String)
		});
	});

	it.each(['a b', '{host}', https('sso.example.org'), 'x?y', 'x#y', 'me@host'])('%j is no part', (host) => {
		const draft = draftOfPreset(keycloak);
		draft.issuer_parts = { host, realm: 'staff' };
		expect(draftErrors(draft, needs)['issuer_parts.host']).not.toBeNull();
	});

	it('says at its last part what the server refused of the whole', () => {
		const errors = refusals(refused([{ field: 'issuer', message: 'No answer.' }]));
		expect(atParts(errors, draftOfPreset(keycloak))).toMatchObject({
			issuer: null,
			'issuer_parts.realm': 'No answer.'
		});
		expect(atParts(errors, draftOf(company))['issuer']).toBe('No answer.');
	});
});

describe('what the server refuses', () => {
	it.each(draftFields)('of %s is said there', (field) => {
		expect(refusals(refused([{ field, message: 'Not this.' }]))[field]).toBe('Not this.');
	});

	it('of all endpoints together is said at the first, and of one at that', () => {
		const whole = refusals(refused([{ field: 'endpoints', message: 'No answer.' }]));
		expect(whole).toMatchObject({ 'endpoints.authorization': 'No answer.', 'endpoints.token': null });
		const one = refusals(refused([{ field: 'endpoints.token', message: 'Not this.' }]));
		expect(one).toMatchObject({ 'endpoints.authorization': null, 'endpoints.token': 'Not this.' });
	});

	it('because the name is taken is said at the name', () => {
		expect(refusals(refused([], 'already_exists'))['name']).toMatch(/already/);
	});

	it('of a field that the form has not is said of the form', () => {
		expect(refusals(refused([{ field: 'novel', message: 'Not this.' }]))['form']).toBe('Not this.');
	});

	it('opens what is folded away only where it is about that', () => {
		expect(hasErrorBelow({ issuer: 'x', 'endpoints.token': 'x', client_id: 'x', form: 'x' })).toBe(false);
		expect(hasErrorBelow({ scopes: 'x' })).toBe(true);
		expect(hasErrorBelow({ scopes: null })).toBe(false);
	});
});

describe('the words', () => {
	const finding = (outcome: Outcome, check = 'credentials'): Finding => ({ check, outcome, message: '' });

	it.each([
		[[finding('ok')], 'The connection works.'],
		[[finding('warning'), finding('ok')], 'The connection works, with 1 warning.'],
		[[finding('failed'), finding('failed')], 'The connection does not work: 2 checks failed.'],
		[
			[finding('ok', 'address')],
			'The connection works. Client id and secret were not tried: that needs the secret.'
		]
	])('sum up a test', (findings, sentence) => {
		expect(summaryOf(findings)).toBe(sentence);
	});

	it('name what is known, and leave the rest as it is', () => {
		expect(checkInWords('discovery')).toBe('Metadata');
		expect(checkInWords('constructor')).toBe('constructor');
		expect(partInWords('tenant_id')).toBe('Tenant id');
	});

	it('say where a provider is', () => {
		expect(hostOf(company)).toBe('sso.example.org');
		const user = https('api.example.org:8443/user');
		const endpoints = { authorization: user, token: user, user };
		expect(hostOf({ issuer: null, endpoints })).toBe('api.example.org:8443');
		expect(hostOf({ issuer: 'unreadable', endpoints: null })).toBe('unreadable');
	});

	it('say where the provider sends its answers, as the server will', () => {
		const here = https('auth.example.org');
		expect(addressesOf(here, 'company', false)).toEqual({
			redirect_uri: company.redirect_uri,
			backchannel_logout_uri: company.backchannel_logout_uri
		});
		expect(addressesOf(here, 'company', true).redirect_uri).toBe(`${here}/auth/v1/oauth/callback`);
	});
});
