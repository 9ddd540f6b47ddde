/** Changes that only a fresh sign-in may make: the server decides, with an age of 15 minutes (`fresh_sign_in.py`). */

/** A little less than the server's: time to fill in a form. */
const freshMs = 10 * 60_000;

/** Whether a sign-in, of this time in RFC 3339, is too old to begin such a change with. */
export function signInIsOld(authTime: string, now: number): boolean {
	const time = Date.parse(authTime);
	return !Number.isNaN(time) && now - time > freshMs;
}
