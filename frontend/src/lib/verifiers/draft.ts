/** The form of a verifier: what is typed, what is wrong with it, and what it asks of the server. */
import type { NewVerifier, Verifier, VerifierChanges } from '$lib/api/verifiers';

export type VerifierDraft = Record<'name' | 'audience', string>;
export type VerifierErrors = Partial<Record<keyof VerifierDraft, string | null>>;

export const draftFields = ['name', 'audience'] as const satisfies readonly (keyof VerifierDraft)[];

export function emptyDraft(): VerifierDraft {
	return { name: '', audience: '' };
}

export function draftOf({ name, audience }: Verifier): VerifierDraft {
	return { name, audience };
}

/** What a form can say before it asks the server, which knows all rules and checks them again. */
export function draftErrors(draft: VerifierDraft): VerifierErrors {
	return {
		name: draft.name.trim() === '' ? 'Type a name. It is what people call the service.' : null,
		audience: /^[a-z][a-z0-9+.-]*:\S+$/.test(draft.audience.trim())
			? null
			: 'Type an absolute URI: https and the host of the service, or urn and a name.'
	};
}

export function requestOf(draft: VerifierDraft): NewVerifier {
	return { name: draft.name.trim(), audience: draft.audience.trim() };
}

/** The fields in which a draft differs from the verifier as it is. */
export function changesOf(draft: VerifierDraft, verifier: Verifier): VerifierChanges {
	const wanted = requestOf(draft);
	return Object.fromEntries(
		draftFields.filter((field) => wanted[field] !== verifier[field]).map((field) => [field, wanted[field]])
	);
}
