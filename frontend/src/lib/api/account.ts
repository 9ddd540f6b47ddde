/** What people see and end of their own: what the pages may ask of `/me/v1`. */
import { clients } from '.';
import { answer } from './client';
import type { components } from './generated/issuer';

export type Access = components['schemas']['AccessResponse'];
export type OwnSession = components['schemas']['SessionResponse'];
export type Device = components['schemas']['DeviceResponse'];
export type Consent = components['schemas']['ConsentResponse'];
/** Accounts at identity providers with which somebody can sign in. */
export type Identities = components['schemas']['OwnIdentitiesResponse'];
export type Identity = components['schemas']['OwnIdentityResponse'];

/** The browsers in which the person is signed in, and the devices that stay signed in without one. */
export async function getAccess(signal?: AbortSignal): Promise<Access> {
	return await answer(clients.issuer.GET('/me/v1/sessions', { signal }));
}

export async function endSession(id: string): Promise<void> {
	await answer(
		clients.issuer.DELETE('/me/v1/sessions/{session_id}', { params: { path: { session_id: id } } })
	);
}

export async function endDevice(id: string): Promise<void> {
	await answer(clients.issuer.DELETE('/me/v1/devices/{device_id}', { params: { path: { device_id: id } } }));
}

export async function getConsents(signal?: AbortSignal): Promise<readonly Consent[]> {
	return (await answer(clients.issuer.GET('/me/v1/consents', { signal }))).items;
}

/** Take back what a client was allowed; all that it has of the person ends. Safe to repeat. */
export async function withdrawConsent(clientId: string): Promise<void> {
	await answer(
		clients.issuer.DELETE('/me/v1/consents/{client_id}', { params: { path: { client_id: clientId } } })
	);
}

export async function getIdentities(signal?: AbortSignal): Promise<Identities> {
	return await answer(clients.issuer.GET('/me/v1/identities', { signal }));
}

/** Throws `reauthentication_required`, and `last_credential` where nothing else signs the person in. */
export async function unlinkIdentity(id: string): Promise<void> {
	await answer(
		clients.issuer.DELETE('/me/v1/identities/{identity_id}', { params: { path: { identity_id: id } } })
	);
}

/** Begin to link an account at a provider; returns where the browser goes on. Throws `reauthentication_required`. */
export async function beginLinking(provider: string): Promise<string> {
	return (await answer(clients.issuer.POST('/auth/v1/oauth/link', { body: { provider } }))).continue;
}
