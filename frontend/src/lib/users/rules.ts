/** What a form can say before it asks the server, which checks all of it again. */

export const minPasswordLength = 15;
export const maxPasswordLength = 1024;
export const passwordRule = `At least ${minPasswordLength} characters. Several words are fine, so are spaces. It must not contain the user name or the e-mail address.`;

/** Why a password is refused, or null. Characters are counted after NFKC, as the server does. */
export function passwordProblem(password: string, own: readonly string[] = []): string | null {
	const normal = password.normalize('NFKC');
	const length = Array.from(normal).length;
	if (length < minPasswordLength) return `Use at least ${minPasswordLength} characters (${length} now).`;
	if (length > maxPasswordLength) return `Use at most ${maxPasswordLength} characters.`;
	const folded = normal.toLowerCase();
	const found = own.some((name) => name !== '' && folded.includes(name.normalize('NFKC').toLowerCase()));
	return found ? 'The password must not contain the user name or the e-mail address.' : null;
}

/** Why a user name is refused, or null. */
export function usernameProblem(username: string): string | null {
	const normal = username.normalize('NFKC').trim();
	if (normal === '') return 'Type a user name.';
	if (Array.from(normal).length > 64) return 'A user name has at most 64 characters.';
	if (normal.includes('@'))
		return 'A user name has no @, so that it is never mistaken for an e-mail address.';
	if (/[\s\p{C}]/u.test(normal)) return 'A user name has no spaces.';
	return null;
}

/** Why an e-mail address is refused, or null. Only its shape: whether it exists, mail will tell. */
export function emailProblem(email: string): string | null {
	const normal = email.trim();
	if (normal === '') return 'Type an e-mail address.';
	return /^[^\s@]+@[^\s@]+$/.test(normal) && normal.length <= 254 ? null : 'This is not an e-mail address.';
}
