/**
 * A user agent without a screen: cookies, and redirects followed by hand, so that every hop is seen. It goes nowhere but
 * to the issuer; where it is sent elsewhere, it has arrived.
 */
import { check } from './check';

/** The issuer shows something. */
export interface Page {
	readonly kind: 'page';
	readonly url: URL;
	readonly status: number;
	readonly html: string;
}

/** The issuer sent the browser to somebody else. */
export interface Departure {
	readonly kind: 'departure';
	readonly url: URL;
}

export type Arrival = Page | Departure;

interface Cookie {
	readonly name: string;
	readonly value: string;
	readonly path: string;
}

const mostRedirects = 20;

export class Browser {
	readonly #origin: string;
	#cookies: Cookie[] = [];

	constructor(issuer: string) {
		this.#origin = new URL(issuer).origin;
	}

	get origin(): string {
		return this.#origin;
	}

	/** Open an address and follow where it leads. */
	async open(address: string | URL): Promise<Arrival> {
		return await this.#follow(new URL(address), { method: 'GET' });
	}

	/** Submit a form and follow where it leads. */
	async submit(address: string | URL, fields: Record<string, string> | URLSearchParams): Promise<Arrival> {
		return await this.#follow(new URL(address), { method: 'POST', body: new URLSearchParams(fields) });
	}

	/** Call the issuer as a script of one of its pages does. */
	async call(path: string, body: object): Promise<Response> {
		return await this.#request(new URL(path, this.#origin), {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', Origin: this.#origin, 'X-CSRF': '1' },
			body: JSON.stringify(body)
		});
	}

	async #follow(start: URL, first: RequestInit): Promise<Arrival> {
		let url = start;
		let request = first;
		for (let hop = 0; hop < mostRedirects; hop++) {
			if (url.origin !== this.#origin) return { kind: 'departure', url };
			const response = await this.#request(url, request);
			const target = response.headers.get('Location');
			if (response.status < 300 || response.status > 399 || target === null)
				return { kind: 'page', url, status: response.status, html: await response.text() };
			await response.body?.cancel();
			check(
				request.method === 'GET' || response.status === 302 || response.status === 303,
				'An answer to a form redirects with 303, so that nothing is posted on (RFC 9700 §4.12).',
				response.status
			);
			url = new URL(target, url);
			request = { method: 'GET' };
		}
		check(false, `The issuer redirects more than ${mostRedirects} times in a row.`);
	}

	async #request(url: URL, init: RequestInit): Promise<Response> {
		const headers = new Headers(init.headers);
		const cookies = this.#cookies.filter(({ path }) => covers(path, url.pathname));
		if (cookies.length > 0)
			headers.set('Cookie', cookies.map(({ name, value }) => `${name}=${value}`).join('; '));
		const response = await fetch(url, { ...init, headers, redirect: 'manual' });
		for (const line of response.headers.getSetCookie()) this.#store(line, url);
		return response;
	}

	#store(line: string, url: URL): void {
		const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
		const [name = '', value = ''] = split(pair);
		const attribute = new Map(
			attributes.map((text) => {
				const [key = '', setting = ''] = split(text);
				return [key.toLowerCase(), setting];
			})
		);
		const path = attribute.get('path') ?? url.pathname.replace(/\/[^/]*$/, '');
		this.#cookies = this.#cookies.filter((cookie) => cookie.name !== name || cookie.path !== path);
		const expires = attribute.get('expires');
		const isOver =
			Number(attribute.get('max-age') ?? 1) <= 0 ||
			(expires !== undefined && Date.parse(expires) <= Date.now());
		if (!isOver) this.#cookies.push({ name, value, path: path || '/' });
	}
}

function split(text: string): [string, string] {
	const at = text.indexOf('=');
	return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** RFC 6265 §5.1.4. */
function covers(path: string, requested: string): boolean {
	return requested === path || requested.startsWith(path.endsWith('/') ? path : `${path}/`);
}
