/** The kinds of wrong that the table is made of. */
import { UnsecuredJWT, decodeJwt, type JWTHeaderParameters, type JWTPayload } from 'jose';
import type { Breakage, Exchange, Reply } from './breakage';

type Wrong = Pick<Breakage, 'intercept' | 'tamper'>;

const paths = {
	authorization: '/auth',
	token: '/token',
	userinfo: '/me',
	keys: '/jwks',
	discovery: '/.well-known/openid-configuration',
	endSession: '/session/end',
	confirmation: '/session/end/confirm'
} as const;

export type Endpoint = keyof typeof paths;

function isAt({ url }: Exchange, endpoint: Endpoint): boolean {
	return url.pathname === paths[endpoint];
}

/** The parameters of a request, wherever they are. */
function parametersOf({ method, url, form }: Exchange): URLSearchParams {
	return method === 'GET' ? url.searchParams : form;
}

export function json(reply: Reply): Record<string, unknown> {
	return JSON.parse(reply.body) as Record<string, unknown>;
}

/** Change the request to an endpoint. */
export function request(
	endpoint: Endpoint,
	change: (parameters: URLSearchParams, exchange: Exchange) => void
): Wrong {
	return {
		intercept(exchange) {
			if (isAt(exchange, endpoint)) change(parametersOf(exchange), exchange);
		}
	};
}

/** Pass over a parameter of the authorization request. */
export function ignore(...names: string[]): Wrong {
	return request('authorization', (parameters) => {
		for (const name of names) parameters.delete(name);
	});
}

/** Refuse an authorization request that has a parameter. */
export function refuse(name: string, error = 'invalid_request'): Wrong {
	return refuseWhere((parameters) => parameters.has(name), error);
}

export function refuseWhere(applies: (parameters: URLSearchParams) => boolean, error: string): Wrong {
	return {
		intercept(exchange) {
			const parameters = parametersOf(exchange);
			if (isAt(exchange, 'authorization') && applies(parameters))
				return returned(exchange, { error, state: parameters.get('state') ?? '' });
			return undefined;
		}
	};
}

/** Send the browser back to whatever the request names. */
export function returned(exchange: Exchange, answer: Record<string, string>): Reply {
	const target = new URL(parametersOf(exchange).get('redirect_uri') ?? '');
	for (const [name, value] of Object.entries({ ...answer, iss: exchange.description.issuer }))
		target.searchParams.set(name, value);
	return redirect(target.href);
}

export function redirect(address: string): Reply {
	return { status: 303, headers: new Headers({ location: address }), body: '' };
}

/** Answer a request to an endpoint in the issuer's place. */
export function instead(endpoint: Endpoint, reply: (exchange: Exchange) => Reply | undefined): Wrong {
	return {
		intercept: (exchange) => (isAt(exchange, endpoint) ? reply(exchange) : undefined)
	};
}

/** Change what comes back to a client through the browser. */
export function callback(change: (answer: URLSearchParams) => unknown): Wrong {
	return {
		tamper(reply, { description }) {
			const address = reply.headers.get('location');
			if (address === null || new URL(address, description.issuer).origin === description.issuer) return;
			const target = new URL(address);
			change(target.searchParams);
			reply.headers.set('location', target.href);
		}
	};
}

/** Change a JSON answer of an endpoint. */
export function answer(
	endpoint: Endpoint,
	change: (body: Record<string, unknown>, reply: Reply) => unknown
): Wrong {
	return {
		async tamper(reply, exchange) {
			if (!isAt(exchange, endpoint) || reply.status !== 200) return;
			const body = json(reply);
			change(body, reply);
			reply.body = JSON.stringify(body);
		}
	};
}

/** Change the ID token, with a good signature. */
export function idToken(change: (claims: JWTPayload, header: JWTHeaderParameters) => unknown): Wrong {
	return {
		async tamper(reply, exchange) {
			if (!isAt(exchange, 'token') || reply.status !== 200) return;
			const body = json(reply);
			if (typeof body['id_token'] !== 'string') return;
			body['id_token'] = await exchange.resign(body['id_token'], change);
			reply.body = JSON.stringify(body);
		}
	};
}

/** The same only for the answers after the first one. */
export function laterIdToken(change: (claims: JWTPayload) => unknown): Wrong {
	let isFirst = true;
	return idToken((claims) => {
		if (!isFirst) change(claims);
		isFirst = false;
	});
}

export function unsignedIdToken(): Wrong {
	return answer('token', (body) => {
		body['id_token'] = new UnsecuredJWT(decodeJwt(String(body['id_token']))).encode();
	});
}

/** Give the tokens of a code again and again. */
export function codeWorksAgain(): Wrong {
	const given = new Map<string, Reply>();
	return {
		intercept({ url, form }) {
			const reply = given.get(form.get('code') ?? '');
			return url.pathname === paths.token && reply
				? { ...reply, headers: new Headers(reply.headers) }
				: undefined;
		},
		tamper(reply, { url, form }) {
			const code = form.get('code');
			if (url.pathname === paths.token && code !== null && reply.status === 200)
				given.set(code, { ...reply });
		}
	};
}

/** Refuse the second use of a code without telling anybody, so that its tokens live on. */
export function reuseHasNoConsequence(): Wrong {
	const seen = new Set<string>();
	return {
		intercept({ url, form }) {
			const code = form.get('code');
			if (url.pathname !== paths.token || code === null) return undefined;
			if (seen.has(code)) return tokenError('invalid_grant');
			seen.add(code);
			return undefined;
		}
	};
}

export function tokenError(error: string, status = 400): Reply {
	return {
		status,
		headers: new Headers({ 'content-type': 'application/json', 'cache-control': 'no-store' }),
		body: JSON.stringify({ error })
	};
}

/** Ask the endpoint as its rightful client, whoever asks. */
export function anyClient(): Wrong {
	return request('token', (_, { headers, description: { clients } }) => {
		headers.set('authorization', basicAuth(clients.basic));
	});
}

function basicAuth({ client_id, client_secret = '' }: { client_id: string; client_secret?: string }): string {
	return `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
}

/** Say yes to a sign-out and keep the session. */
export function sessionSurvives(): Wrong {
	return request('confirmation', (parameters) => parameters.delete('logout'));
}

/** Redirect to any address that a sign-out names. */
export function openRedirector(): Wrong {
	return instead('endSession', ({ url: { searchParams } }) => {
		const address = searchParams.get('post_logout_redirect_uri');
		return address === null ? undefined : redirect(address);
	});
}

/** Give a code for whatever is asked. */
export function codeForAnything(): Wrong {
	return instead('authorization', (exchange) =>
		returned(exchange, { code: 'made-up', state: parametersOf(exchange).get('state') ?? '' })
	);
}
