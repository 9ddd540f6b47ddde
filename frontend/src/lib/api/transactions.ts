/** Sign-in transactions: an authorization request that waits in this browser for a sign-in or a consent. */
import { clients } from '.';
import { answer } from './client';
import type { paths } from './generated/issuer';

type One = paths['/auth/v1/transactions/{transaction_id}'];

export type Transaction = One['get']['responses'][200]['content']['application/json'];

/** Say who waits for what. Throws `unknown_transaction` where it is over, or was begun in another browser. */
export async function getTransaction(id: string, signal?: AbortSignal): Promise<Transaction> {
	return await answer(
		clients.cookies.GET('/auth/v1/transactions/{transaction_id}', { params: of(id), signal })
	);
}

/**
 * Allow the client what it asks for, or not; returns where the browser goes on. Throws `unknown_transaction`, and
 * `authentication_required` where nobody is signed in any more.
 */
export async function giveConsent(id: string, approve: boolean): Promise<string> {
	const path = '/auth/v1/transactions/{transaction_id}/consent';
	return (await answer(clients.cookies.POST(path, { params: of(id), body: { approve } }))).continue;
}

function of(id: string) {
	return { path: { transaction_id: id } };
}
