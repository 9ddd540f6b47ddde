/** Administration of OAuth clients: what the pages may ask of `/clients/v1`. A client travels with its ETag. */
import { clients } from '.';
import { answer, answerWithHeaders } from './client';
import type { components, paths } from './generated/issuer';

type Schemas = components['schemas'];

export type OAuthClient = Schemas['ClientResponse'];
export type OAuthClientPage = Schemas['ClientListResponse'];
export type NewOAuthClient = Schemas['CreateClientRequest'];
export type OAuthClientChanges = Schemas['ChangeClientRequest'];
export type ApplicationType = Schemas['ApplicationType'];
export type ClientAuthMethod = Schemas['ClientAuthMethod'];
export type HeldSecret = Schemas['ClientSecretResponse'];
export type ClientSource = Schemas['ClientSource'];
export type GrantType = Schemas['GrantType'];

export interface OAuthClientVersion {
	readonly client: OAuthClient;
	readonly etag: string;
}

const clientsPath = '/clients/v1';
const clientPath = '/clients/v1/{client_id}';
const secretsPath = '/clients/v1/{client_id}/secrets';
const secretPath = '/clients/v1/{client_id}/secrets/{secret_id}';

type Query = NonNullable<paths['/clients/v1']['get']['parameters']['query']>;

export async function listClients(query: Query, signal?: AbortSignal): Promise<OAuthClientPage> {
	return await answer(clients.issuer.GET(clientsPath, { params: { query }, signal }));
}

/** Create a client; `secret` is shown this once, null for a client without one. */
export async function createClient(
	body: NewOAuthClient
): Promise<{ client: OAuthClient; secret: string | null }> {
	const { client_secret: secret, ...client } = await answer(clients.issuer.POST(clientsPath, { body }));
	return { client, secret };
}

export async function getClient(id: string, signal?: AbortSignal): Promise<OAuthClientVersion> {
	return version(await answerWithHeaders(clients.issuer.GET(clientPath, { params: of(id), signal })));
}

/** Change what `changes` names. Throws `precondition_failed` where somebody changed the client since `etag`. */
export async function updateClient(
	id: string,
	etag: string,
	changes: OAuthClientChanges
): Promise<OAuthClientVersion> {
	return version(
		await answerWithHeaders(
			clients.issuer.PATCH(clientPath, { params: of(id), headers: { 'If-Match': etag }, body: changes })
		)
	);
}

export async function deleteClient(id: string, etag: string): Promise<void> {
	await answer(clients.issuer.DELETE(clientPath, { params: of(id), headers: { 'If-Match': etag } }));
}

/** Make a new secret, shown this once; those from before end after `seconds`, 0: at once. */
export async function rollSecret(id: string, seconds: number): Promise<string> {
	const body = { previous_expires_in: seconds };
	return (await answer(clients.issuer.POST(secretsPath, { params: of(id), body }))).client_secret;
}

export async function deleteSecret(id: string, secretId: string): Promise<void> {
	const params = { path: { client_id: id, secret_id: secretId } };
	await answer(clients.issuer.DELETE(secretPath, { params }));
}

function of(id: string) {
	return { path: { client_id: id } };
}

function version({ data, headers }: { data: OAuthClient; headers: Headers }): OAuthClientVersion {
	return { client: data, etag: headers.get('ETag') ?? '' };
}
