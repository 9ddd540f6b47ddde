/** Which Paseport the journeys run against. */

export interface Credentials {
	readonly username: string;
	readonly email: string;
	readonly password: string;
}

export interface Installation {
	/** The origin, without a slash at its end. */
	readonly url: string;
	readonly admin: Credentials;
}

const names = {
	url: 'PASEPORT_E2E_URL',
	username: 'PASEPORT_E2E_ADMIN_USERNAME',
	email: 'PASEPORT_E2E_ADMIN_EMAIL',
	password: 'PASEPORT_E2E_ADMIN_PASSWORD'
} as const;

/** The installation of this run. Throws where `support/start-paseport.ts` has not named one. */
export function installation(env = process.env): Installation {
	const { [names.url]: url, [names.email]: email, [names.password]: password } = env;
	const missing = [names.url, names.email, names.password].filter((name) => !env[name]);
	if (!url || !email || !password)
		throw new Error(`To use a running installation, also set ${missing.join(', ')}.`);
	return {
		url: new URL(url).origin,
		admin: { username: env[names.username] ?? 'admin', email, password }
	};
}

/** True where the caller named a running installation, whole or in part. */
export function isNamed(env = process.env): boolean {
	return Boolean(env[names.url]);
}

/** Hand the installation to the processes that run the journeys: they inherit the environment. */
export function name({ url, admin }: Installation, env = process.env): void {
	env[names.url] = url;
	env[names.username] = admin.username;
	env[names.email] = admin.email;
	env[names.password] = admin.password;
}

/** The names that the browser shows its cookies under: `__Host-` only exists over https. */
export function cookieName(kind: 'session' | 'refresh' | 'txn', { url } = installation()): string {
	return url.startsWith('https:') ? `__Host-paseport-${kind}` : `paseport-${kind}`;
}
