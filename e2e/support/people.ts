/** The users of a journey: made through the API, gone when it ends. */
import { randomBytes } from 'node:crypto';
import type { Api } from './api';
import type { Credentials } from './installation';

export interface Person extends Credentials {
	readonly id: string;
}

export interface Wanted {
	/** The beginning of the user name; what makes it unique follows. */
	readonly name?: string;
	readonly roles?: readonly string[];
	readonly displayName?: string;
	/** Without one the user cannot sign in, which spares the server a slow hash. */
	readonly password?: boolean;
}

export class People {
	readonly #api: Api;
	readonly #ids: string[] = [];

	constructor(api: Api) {
		this.#api = api;
	}

	async create({
		name = 'member',
		roles = ['User'],
		displayName,
		password = true
	}: Wanted = {}): Promise<Person> {
		const username = `${name}-${unique()}`;
		const credentials = { username, email: `${username}@example.test`, password: newPassword() };
		const { id } = await this.#api.createUser({
			username,
			email: credentials.email,
			roles,
			...(displayName === undefined ? {} : { display_name: displayName }),
			...(password ? { password: credentials.password } : {})
		});
		this.#ids.push(id);
		return { id, ...credentials };
	}

	/** Also end a user that the journey itself made, by name. */
	async adopt(username: string): Promise<void> {
		const user = await this.#api.find(username);
		if (user) this.#ids.push(user.id);
	}

	async removeAll(): Promise<void> {
		for (const id of this.#ids.splice(0)) await this.#api.remove(id);
	}
}

export function unique(): string {
	return randomBytes(4).toString('hex');
}

export function newPassword(): string {
	return randomBytes(18).toString('base64url');
}
