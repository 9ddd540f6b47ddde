/** Administration of registered verifiers: what the pages may ask of `/verifiers/v1`. One travels with its ETag. */
import { clients } from '.';
import { answer, answerWithHeaders } from './client';
import type { components, paths } from './generated/issuer';
import { Problem } from './problem';

type Schemas = components['schemas'];

export type Verifier = Schemas['VerifierResponse'];
export type NewVerifier = Schemas['CreateVerifierRequest'];
export type VerifierChanges = Schemas['ChangeVerifierRequest'];

export interface VerifierVersion {
	readonly verifier: Verifier;
	readonly etag: string;
}

const verifiersPath = '/verifiers/v1';
const verifierPath = '/verifiers/v1/{verifier_id}';
const secretsPath = '/verifiers/v1/{verifier_id}/secrets';
const secretPath = '/verifiers/v1/{verifier_id}/secrets/{secret_id}';

/** What verifiers themselves ask, below the same path: no ids, and a token of ours counts for nothing there. */
const noIds: readonly string[] = ['feed', 'principals'];

type Query = NonNullable<paths['/verifiers/v1']['get']['parameters']['query']>;

export async function listVerifiers(
	query: Query,
	signal?: AbortSignal
): Promise<Schemas['VerifierListResponse']> {
	return await answer(clients.issuer.GET(verifiersPath, { params: { query }, signal }));
}

/** Register a verifier; `secret` is shown this once. */
export async function createVerifier(body: NewVerifier): Promise<{ verifier: Verifier; secret: string }> {
	const { client_secret: secret, ...verifier } = await answer(clients.issuer.POST(verifiersPath, { body }));
	return { verifier, secret };
}

export async function getVerifier(id: string, signal?: AbortSignal): Promise<VerifierVersion> {
	if (noIds.includes(id))
		throw new Problem({ status: 404, code: 'not_found', detail: 'No verifier has this id.' });
	return version(await answerWithHeaders(clients.issuer.GET(verifierPath, { params: of(id), signal })));
}

/** Change what `changes` names. Throws `precondition_failed` where somebody changed the verifier since `etag`. */
export async function updateVerifier(
	id: string,
	etag: string,
	changes: VerifierChanges
): Promise<VerifierVersion> {
	return version(
		await answerWithHeaders(
			clients.issuer.PATCH(verifierPath, { params: of(id), headers: { 'If-Match': etag }, body: changes })
		)
	);
}

/** Revoke a verifier for good. */
export async function revokeVerifier(id: string, etag: string): Promise<void> {
	await answer(clients.issuer.DELETE(verifierPath, { params: of(id), headers: { 'If-Match': etag } }));
}

/** Make a new secret, shown this once; those from before end after `seconds`, 0: at once. */
export async function rollVerifierSecret(id: string, seconds: number): Promise<string> {
	const body = { previous_expires_in: seconds };
	return (await answer(clients.issuer.POST(secretsPath, { params: of(id), body }))).client_secret;
}

export async function deleteVerifierSecret(id: string, secretId: string): Promise<void> {
	const params = { path: { verifier_id: id, secret_id: secretId } };
	await answer(clients.issuer.DELETE(secretPath, { params }));
}

function of(id: string) {
	return { path: { verifier_id: id } };
}

function version({ data, headers }: { data: Verifier; headers: Headers }): VerifierVersion {
	return { verifier: data, etag: headers.get('ETag') ?? '' };
}
