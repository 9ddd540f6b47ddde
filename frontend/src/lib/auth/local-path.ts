/**
 * Return addresses come from a query anybody can write, so only a path of this app is followed (BF-10, AZ-23).
 *
 * Rejected alternative: comparing `new URL(next, origin).origin` alone. It accepts spellings that a later reader
 * (a proxy, another router) may see differently, so everything unusual is refused first.
 */

// The WHATWG URL parser drops tabs and newlines and reads "\" as "/": "/\t/evil" and "/\evil" are "//evil".
const suspicious =
	/[\u0000-\u0020\u007f-\u009f\\\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/;

/**
 * Addresses that the back end answers; the app cannot show them. Where all paths below a name are the back end's, the name
 * itself may be a page: the server's list of reserved paths says the same.
 */
const reserved =
	/^\/(?:(?:auth|clients|me|audit|oauth2|\.well-known|\.paseport|api|ext-authz|verifiers|swagger-ui|_app)\/|(?:users\/v1|device|userinfo|internal|metrics|health|openapi\.json|forward-auth|auth-request)(?:\/|$))/i;

/** Pages for somebody who is not signed in, or about to be another person. */
const publicPages = /^\/(?:login|consent|signed-in|sign-out|signed-out|reset-password)(?:[/?#]|$)/;

/** True where following `path` stays in this app: an absolute path, spelled plainly, also after one and two decodings. */
export function isLocalPath(path: unknown): path is string {
	if (typeof path !== 'string' || path.length > 2048) return false;
	if (!plain(path)) return false;
	let decoded = path;
	for (let round = 0; round < 2; round += 1) {
		try {
			decoded = decodeURIComponent(decoded);
		} catch {
			return false;
		}
		if (!plain(decoded.split(/[?#]/, 1)[0] ?? '')) return false;
	}
	const base = 'https://app.invalid';
	const url = tryUrl(path, base);
	if (url === null || url.origin !== base || url.pathname.startsWith('//')) return false;
	return !reserved.test(url.pathname);
}

/** True for a page that needs no session, and that nobody wants to come back to. */
export function isPublicPage(path: string): boolean {
	return publicPages.test(path);
}

/** The path to go to after a sign-in: `candidate` where it is local and needs a session, else the start page. */
export function localPathOr(candidate: unknown, otherwise = '/'): string {
	return isLocalPath(candidate) && !isPublicPage(candidate) ? candidate : otherwise;
}

/** Where to sign in, with the way back to `url` where that is not the start page. */
export function loginPath(url: Pick<URL, 'pathname' | 'search'>, reason?: 'expired' | 'signed-out'): string {
	const next = localPathOr(url.pathname + url.search);
	const query = [
		...(next === '/' ? [] : [`next=${encodeURIComponent(next)}`]),
		...(reason ? [`reason=${reason}`] : [])
	];
	return query.length > 0 ? `/login?${query.join('&')}` : '/login';
}

function plain(path: string): boolean {
	return path.startsWith('/') && !path.startsWith('//') && !suspicious.test(path);
}

function tryUrl(path: string, base: string): URL | null {
	try {
		return new URL(path, base);
	} catch {
		return null;
	}
}
