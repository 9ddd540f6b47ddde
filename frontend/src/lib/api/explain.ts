import { waitInWords } from '$lib/format';
import type { Problem } from './problem';

/** Sentences for people, by the contract's codes. What is not listed speaks with the server's own `detail`. */
const sentences: Readonly<Record<string, string>> = {
	invalid_credentials: 'The user name or the password is not right.',
	invalid_token: 'The server does not accept this sign-in. Sign in again.',
	authentication_required: 'You are not signed in.',
	signed_out: 'You are signed out.',
	unknown_transaction: 'This sign-in is over. Begin it again.',
	invalid_reset_token:
		'This link is no longer valid. It works once, for 30 minutes. Ask an admin for a new one.',
	reauthentication_required: 'This needs a fresh sign-in, so that nobody else does it at your open browser.',
	unknown_provider: 'This way to sign in is not available any more.',
	unknown_sign_in: 'This sign-in is over. Begin it again.',
	provider_unavailable: 'The identity provider does not answer.',
	sign_in_refused: 'You cannot sign in here with this account. Choose another way, or ask an admin.',
	identity_taken: 'This account at the identity provider is linked to somebody else here.',
	last_credential:
		'This is the only way in which you can sign in. Link another account or set a password first.',
	too_many_attempts: 'Too many attempts.',
	unavailable: 'The service is not available right now.',
	overloaded: 'The service is busy right now.',
	recorded_not_in_force:
		'The change is recorded, but it is not in force everywhere yet. It will be in a moment.',
	origin_refused:
		'The server did not accept that this request comes from this app. Reload the page and try again.',
	unlisted_host: 'The server does not answer under this address. Open Paseport at its own address.',
	insufficient_role: 'Your roles do not allow this.',
	insufficient_scope: 'This sign-in does not allow this.',
	forbidden: 'You are not allowed to do this.',
	not_found: 'This no longer exists.',
	last_admin: 'This is the last active Admin. Give somebody else the role first.',
	built_in_account: 'This account is built in and cannot be changed here.',
	built_in_client: 'This client belongs to the installation and cannot be changed here.',
	too_many_secrets: 'There are two live secrets already. End one of them first.',
	precondition_failed: 'Somebody changed this user meanwhile.',
	payload_too_large: 'That is more than the server accepts at once.',
	internal_error: 'Something went wrong on the server.',
	unreachable: 'The server cannot be reached. Check your connection.',
	timed_out: 'The server took too long to answer.',
	unreadable: 'The server’s answer could not be read.'
};

/** One or two sentences about what went wrong, with the wait where the server names one. */
export function explain(problem: Problem, withWait = true): string {
	const sentence = sentences[problem.code] ?? problem.detail;
	if (!withWait || problem.retryAfter === null) return sentence;
	return `${sentence} ${tryAgain(problem.retryAfter)}`;
}

/** "Try again in 45 seconds.", or "You can try again now." when the wait is over. */
export function tryAgain(seconds: number): string {
	return seconds > 0 ? `Try again in ${waitInWords(seconds)}.` : 'You can try again now.';
}
