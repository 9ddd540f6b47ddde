import { describe, expect, it } from 'vitest';
import type { OAuthClient } from '$lib/api/oauth-clients';
import { changesOf, draftErrors, draftFields, draftOf, emptyDraft, linesOf, requestOf } from './draft';
import { readOnlyReason } from './words';

const shop: OAuthClient = {
	client_id: 'shop',
	name: 'The shop',
	first_party: false,
	application_type: 'web',
	auth_method: 'client_secret_basic',
	grants: ['authorization_code', 'refresh_token'],
	scopes: ['openid', 'email'],
	audience: 'urn:userinfo',
	audiences: ['urn:orders'],
	redirect_uris: ['urn:one', 'urn:two'],
	post_logout_redirect_uris: [],
	require_pkce: true,
	access_token_lifetime: null,
	refresh_lifetime: 3600,
	disabled: false,
	source: 'record',
	secrets: [],
	created_at: null,
	updated_at: null
};

describe('the form of a client', () => {
	it('changes nothing that nobody touched', () => {
		expect(changesOf(draftOf(shop), shop)).toEqual({});
	});

	it('takes another order of scopes and grants for no change, and another order of addresses for one', () => {
		const draft = draftOf(shop);
		draft.scopes.reverse();
		draft.grants.reverse();
		expect(changesOf(draft, shop)).toEqual({});
		draft.redirect_uris = 'urn:two\nurn:one';
		expect(changesOf(draft, shop)).toEqual({ redirect_uris: ['urn:two', 'urn:one'] });
	});

	it('asks for what differs alone, and for the lifetime of the installation where a field is emptied', () => {
		const draft = draftOf(shop);
		draft.name = ' The corner shop ';
		draft.refresh_lifetime = ' ';
		draft.access_token_lifetime = '60';
		expect(changesOf(draft, shop)).toEqual({
			name: 'The corner shop',
			access_token_lifetime: 60,
			refresh_lifetime: null
		});
	});

	it('never asks for another id, nor enables or disables', () => {
		expect(changesOf({ ...draftOf(shop), client_id: 'other' }, { ...shop, disabled: true })).toEqual({});
	});

	it('has every field that the server may name in an error', () => {
		expect([...draftFields].sort()).toEqual(Object.keys(emptyDraft()).sort());
	});

	it('creates an enabled client of what was typed', () => {
		const draft = { ...emptyDraft(), client_id: ' shop ', name: 'Shop', redirect_uris: '\n urn:one \r\n\n' };
		expect(requestOf(draft)).toMatchObject({
			client_id: 'shop',
			redirect_uris: ['urn:one'],
			refresh_lifetime: null,
			disabled: false
		});
	});

	it.each(['', 'ab', '-shop', 'a b c', 'shöp', 'x'.repeat(65)])('%j is no client id', (client_id) => {
		expect(draftErrors({ ...emptyDraft(), client_id }).client_id).not.toBeNull();
	});

	it('wants a way back for people, and none for machines', () => {
		expect(draftErrors(emptyDraft()).redirect_uris).not.toBeNull();
		expect(draftErrors({ ...emptyDraft(), grants: ['client_credentials'] }).redirect_uris).toBeNull();
	});

	it.each([
		['', true],
		['300', true],
		[' 300 ', true],
		['0', false],
		['-1', false],
		['1.5', false],
		['five', false]
	])('a lifetime of %j is acceptable: %j', (refresh_lifetime, fine) => {
		expect(draftErrors({ ...emptyDraft(), refresh_lifetime }).refresh_lifetime === null).toBe(fine);
	});

	it('reads one entry a line', () => {
		expect(linesOf('a\n\n  b\t\r\nc')).toEqual(['a', 'b', 'c']);
	});
});

describe('the source of a client', () => {
	it('says where a client is changed that cannot be changed here', () => {
		expect(readOnlyReason('record')).toBeNull();
		expect(readOnlyReason('built_in')).toMatch(/settings of the issuer/);
		expect(readOnlyReason('settings')).toMatch(/OAUTH_CLIENTS_JSON/);
	});
});
