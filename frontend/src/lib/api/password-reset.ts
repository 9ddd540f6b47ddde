import { clients } from '.';
import { answer } from './client';

/** Redeem a one-time link. Throws `invalid_reset_token` or `weak_password`. */
export async function resetPassword(token: string, password: string): Promise<void> {
	await answer(clients.cookies.POST('/auth/v1/password/reset', { body: { token, password } }));
}
