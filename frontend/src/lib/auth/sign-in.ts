/** How a sign-in begins, and what travels with it through the issuer's redirects. */

/** What the sign-in page says above its form. It travels in the fragment, which redirects keep and no server sees. */
const notices = {
	'signed-out': 'You are signed out.',
	expired: 'Your session has ended. Sign in to go on.',
	'password-set': 'Your new password is set. Sign in with it.'
} as const;
export type Notice = keyof typeof notices;

/** Travels like a notice: this is the second try, and the first one found no transaction. */
export const secondTry = 'again';

/** A longer way back is not kept by the issuer (`MAX_RETURN`). */
const maxReturn = 1000;

/** Where the app's sign-in begins. It leads back to `/signed-in`, and from there to `next`. */
export function beginSignIn(next: string, remark: Notice | typeof secondTry | null = null): string {
	return `${appSignIn(next)}${remark === null ? '' : `#${remark}`}`;
}

/** Where somebody who is signed in is asked for a credential again, for what needs a fresh sign-in. */
export function signInAgain(next: string): string {
	return `${appSignIn(next)}&reauthenticate=true`;
}

function appSignIn(next: string): string {
	const withNext = `/signed-in?next=${encodeURIComponent(next)}`;
	const returnTo = next === '/' || withNext.length > maxReturn ? '/signed-in' : withNext;
	return `/auth/v1/login?return_to=${encodeURIComponent(returnTo)}`;
}

/** Where a sign-in for a transaction goes on at an identity provider: an address of the server's, which leads away. */
export function signInWith(provider: string, transaction: string): string {
	return `/auth/v1/oauth/init?provider=${encodeURIComponent(provider)}&transaction=${encodeURIComponent(transaction)}`;
}

/** Where a transaction goes on once somebody is signed in, also in another tab. */
export function continueSignIn(transaction: string): string {
	return `/oauth2/authorize/continue?transaction=${encodeURIComponent(transaction)}`;
}

/** Where somebody says who they are for a transaction. */
export function signInPage(transaction: string): string {
	return `/login?transaction=${encodeURIComponent(transaction)}`;
}

/** The notice of this name, null for any other text. */
export function noticeOrNull(name: string | null): Notice | null {
	return name !== null && Object.hasOwn(notices, name) ? (name as Notice) : null;
}

export function noticeInWords(notice: Notice): string {
	return notices[notice];
}
