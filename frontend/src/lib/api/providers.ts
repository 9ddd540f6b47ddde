/** Administration of identity providers: what the pages may ask of `/auth/v1/providers`. One travels with its ETag. */
import { clients } from '.';
import { answer, answerWithHeaders } from './client';
import type { components } from './generated/issuer';

type Schemas = components['schemas'];

export type Provider = Schemas['ProviderResponse'];
export type NewProvider = Schemas['CreateProviderRequest'];
export type ProviderChanges = Schemas['ChangeProviderRequest'];
export type TriedProvider = Schemas['TryProviderRequest'];
export type ProviderPreset = Schemas['PresetResponse'];
export type ProviderKind = Schemas['ProviderKind'];
export type TrustEmail = Schemas['TrustEmail'];
export type ResponseMode = Schemas['ResponseMode'];
export type ProviderAuthMethod = Schemas['ClientAuthMethod'];
export type GroupRole = Schemas['GroupRoleLine'];
export type Finding = Schemas['FindingResponse'];
export type Outcome = Schemas['Outcome'];

export interface ProviderVersion {
	readonly provider: Provider;
	readonly etag: string;
}

const providersPath = '/auth/v1/providers';
const providerPath = '/auth/v1/providers/{provider_id}';

/** All of them, disabled ones too, in the order in which people see them. */
export async function listProviders(signal?: AbortSignal): Promise<readonly Provider[]> {
	return (await answer(clients.issuer.GET(providersPath, { signal }))).items;
}

export async function listPresets(signal?: AbortSignal): Promise<readonly ProviderPreset[]> {
	return (await answer(clients.issuer.GET('/auth/v1/providers/presets', { signal }))).items;
}

/** Register a provider. Throws `already_exists` where one has this name, and `reauthentication_required`. */
export async function createProvider(body: NewProvider): Promise<Provider> {
	return await answer(clients.issuer.POST(providersPath, { body }));
}

export async function getProvider(id: string, signal?: AbortSignal): Promise<ProviderVersion> {
	return version(await answerWithHeaders(clients.issuer.GET(providerPath, { params: of(id), signal })));
}

/**
 * Change what `changes` names; a provider is never deleted. Throws `precondition_failed` where somebody changed it since
 * `etag`, and `reauthentication_required`.
 */
export async function updateProvider(
	id: string,
	etag: string,
	changes: ProviderChanges
): Promise<ProviderVersion> {
	return version(
		await answerWithHeaders(
			clients.issuer.PATCH(providerPath, { params: of(id), headers: { 'If-Match': etag }, body: changes })
		)
	);
}

/** Try a connection as it is filled in; without a secret the credentials are not tried. */
export async function tryProvider(body: TriedProvider): Promise<readonly Finding[]> {
	return (await answer(clients.issuer.POST('/auth/v1/providers/test', { body }))).findings;
}

/** Try the connection of a provider as it is registered, with its secret. */
export async function tryRegisteredProvider(id: string): Promise<readonly Finding[]> {
	const path = '/auth/v1/providers/{provider_id}/test';
	return (await answer(clients.issuer.POST(path, { params: of(id) }))).findings;
}

function of(id: string) {
	return { path: { provider_id: id } };
}

function version({ data, headers }: { data: Provider; headers: Headers }): ProviderVersion {
	return { provider: data, etag: headers.get('ETag') ?? '' };
}
