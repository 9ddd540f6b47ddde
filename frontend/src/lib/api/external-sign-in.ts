/** Signing in through identity providers: what everybody may ask, and the browser in which a link waits. */
import { clients } from '.';
import { answer } from './client';
import type { components } from './generated/issuer';

export type ProviderOption = components['schemas']['ProviderOption'];
export type PendingLink = components['schemas']['PendingLinkResponse'];

/** Through whom people may sign in, besides with a password; in the order in which they are shown. */
export async function getSignInOptions(): Promise<readonly ProviderOption[]> {
	return (await answer(clients.cookies.GET('/auth/v1/sign-in-options'))).providers;
}

/** What waits for the password of an account. Throws `unknown_sign_in` where it is over, or was begun in another browser. */
export async function getPendingLink(id: string, signal?: AbortSignal): Promise<PendingLink> {
	return await answer(
		clients.cookies.GET('/auth/v1/oauth/pending-links/{pending_id}', {
			params: { path: { pending_id: id } },
			signal
		})
	);
}
