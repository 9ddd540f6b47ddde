/** What a client asks for, in words for the person who is asked. */

const sentences: Readonly<Record<string, string>> = {
	openid: 'Know who you are',
	profile: 'See your name and your user name',
	email: 'See your e-mail address',
	roles: 'See your roles',
	offline_access: 'Keep access while you are away',
	account: 'See and change your own account',
	admin: 'Manage users, clients and settings of this installation'
};

export interface AskedScope {
	readonly name: string;
	/** Null for a scope that has no words: it is shown by its name. */
	readonly sentence: string | null;
}

/** The scopes, each once: the known ones first, in the order in which people understand them. */
export function scopesInWords(scope: readonly string[]): AskedScope[] {
	const asked = new Set(scope);
	const known = Object.keys(sentences).filter((name) => asked.delete(name));
	return [...known, ...asked].map((name) => ({
		name,
		sentence: Object.hasOwn(sentences, name) ? (sentences[name] ?? null) : null
	}));
}

/** Whether an application opens beside the browser instead: a private-use scheme names no host (RFC 8252 §7.1). */
export function leavesBrowser(host: string): boolean {
	return host === '';
}

/** Where the browser goes afterwards. A client without a host of its own is an app on the machine itself. */
export function hostInWords(host: string): string {
	const isThisDevice =
		host === '' || host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host);
	return isThisDevice ? 'an app on this device' : host;
}
