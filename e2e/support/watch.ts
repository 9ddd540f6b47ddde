/** What no journey may cause: an error in the console, a script's alert, a request to somewhere else. */
import type { BrowserContext } from '@playwright/test';
import { installation } from './installation';

export class Watch {
	readonly #seen: string[] = [];
	// A browser without a session asks once whether it has one, and is told no.
	readonly #expected: RegExp[] = [/status of 401 .* at \S+\/auth\/v1\/refresh$/];
	readonly #origins = new Set([installation().url]);

	/** Let the journey cause console errors like this one: `<text> at <address>`. */
	expect(...patterns: RegExp[]): void {
		this.#expected.push(...patterns);
	}

	/** Let the journey visit another origin of its own. */
	allowOrigin(origin: string): void {
		this.#origins.add(origin);
	}

	over(context: BrowserContext): void {
		context.on('console', (message) => {
			if (message.type() === 'error') this.#seen.push(`${message.text()} at ${message.location().url}`);
		});
		context.on('weberror', (error) =>
			this.#seen.push(`uncaught: ${error.error().message} at ${error.page()?.url()}`)
		);
		context.on('dialog', (dialog) => {
			this.#seen.push(`a ${dialog.type()} dialog: ${dialog.message()} at ${dialog.page()?.url()}`);
			void dialog.dismiss();
		});
		context.on('request', (request) => {
			const { protocol, origin } = new URL(request.url());
			if (/^https?:$/.test(protocol) && !this.#origins.has(origin))
				this.#seen.push(`a request to another origin at ${request.url()}`);
		});
	}

	/** What happened that the journey did not expect. */
	get surprises(): string[] {
		return this.#seen.filter((line) => !this.#expected.some((pattern) => pattern.test(line)));
	}
}
