/** The control port: how tests say what goes wrong, and ask what was seen. serve.js describes it. */
import { json as parsed } from 'node:stream/consumers';
import { checkedForgery, Misspelt } from './behaviour.js';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { Behaviour } from './behaviour.js' */
/** @import { GitHubLike } from './github.js' */
/** @import { OpenIdProvider } from './oidc.js' */

const STEPS = /** @type {const} */ (['publish', 'sign', 'drop']);

/**
 * @param {Behaviour} behaviour
 * @param {OpenIdProvider} provider
 * @param {GitHubLike} github
 */
export function control(behaviour, provider, github) {
	/** @type {Record<string, (body: any, name: string) => unknown>} */
	const routes = {
		'GET /__control': () => ({ wrong: behaviour.wrongs, keys: provider.keys.summary() }),
		'PUT /__control': (wrongs) => behaviour.misbehave(wrongs),
		'POST /__control/reset': () => {
			behaviour.reset();
			provider.reset();
			github.reset();
		},
		'GET /__control/requests': () => behaviour.requests,
		'POST /__control/keys': async ({ step }) => {
			if (!STEPS.includes(step)) throw new Misspelt(`a step is one of ${STEPS.join(', ')}`);
			await provider.rotate(step);
			return provider.keys.summary();
		},
		'POST /__control/clients': (client) => {
			provider.register(client);
			github.register(client);
		},
		'PUT /__control/accounts/': (members, sub) => provider.setAccount(sub, members),
		'PUT /__control/members/': (changes, id) => github.setMember(Number(id), changes),
		'POST /__control/logout-token': ({ client_id, sub, sid, ...forgery }) => ({
			logout_token: provider.logoutToken({ client_id, sub, sid, forgery: checkedForgery(forgery) })
		})
	};

	/**
	 * @param {IncomingMessage} request
	 * @param {ServerResponse} response
	 */
	return async function serve(request, response) {
		const [, path = '', name = ''] =
			/^(\/__control(?:\/(?:accounts|members)\/|[^?]*))(.*)$/.exec(request.url ?? '') ?? [];
		const route = routes[`${request.method} ${path}`];
		const [status, body] = await answered();
		response.writeHead(status, { 'Content-Type': 'application/json' });
		response.end(JSON.stringify(body ?? null));

		/** @returns {Promise<[number, unknown]>} */
		async function answered() {
			if (route === undefined) return [404, { problem: `there is no ${request.method} ${request.url}` }];
			try {
				const sent = request.method === 'GET' || path.endsWith('/reset') ? null : await parsed(request);
				return [200, await route(sent, decodeURIComponent(name))];
			} catch (thrown) {
				return [thrown instanceof Misspelt ? 422 : 500, { problem: String(thrown) }];
			}
		}
	};
}
