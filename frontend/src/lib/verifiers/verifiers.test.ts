import { describe, expect, it } from 'vitest';
import type { Verifier } from '$lib/api/verifiers';
import { changesOf, draftErrors, draftFields, draftOf, emptyDraft, requestOf } from './draft';

const reports: Verifier = {
	client_id: 'verifier-1',
	name: 'Reports',
	audience: 'https://reports.example.com',
	secrets: [],
	created_at: null,
	updated_at: null
};

describe('the form of a verifier', () => {
	it('changes nothing that nobody touched', () => {
		expect(changesOf(draftOf(reports), reports)).toEqual({});
		expect(changesOf({ ...draftOf(reports), name: ' Reports ' }, reports)).toEqual({});
	});

	it('asks for what differs alone', () => {
		expect(changesOf({ ...draftOf(reports), name: ' The wiki ' }, reports)).toEqual({ name: 'The wiki' });
	});

	it('has every field that the server may name in an error', () => {
		expect([...draftFields].sort()).toEqual(Object.keys(emptyDraft()).sort());
	});

	it('registers what was typed', () => {
		expect(requestOf({ name: ' Reports ', audience: ' urn:reports ' })).toEqual({
			name: 'Reports',
			audience: 'urn:reports'
		});
	});

	it('wants a name and an audience', () => {
		expect(draftErrors(emptyDraft())).toEqual({ name: expect.any(String), audience: expect.any(String) });
		expect(draftErrors(draftOf(reports))).toEqual({ name: null, audience: null });
	});

	it.each(['reports', '/reports', 'https://reports .example', 'HTTPS://reports.example'])(
		'%j is no audience',
		(audience) => {
			expect(draftErrors({ ...emptyDraft(), audience }).audience).not.toBeNull();
		}
	);
});
