/**
 * The RP-Initiated Logout OP plan, `oidcc-rp-initiated-logout-certification-test-plan`, and two modules beside it: a hint that
 * is none, and a query added to the address.
 */
import {
	authorize,
	encode,
	expectError,
	random,
	type Authorization,
	type Parameters
} from '../support/authorization';
import type { Arrival } from '../support/browser';
import { check } from '../support/check';
import type { Session } from '../support/session';
import { tokensOf, type Tokens } from '../support/tokens';
import { checkMetadata } from './config';
import type { Module } from './module';

// The plan takes consent_required as well, but only who is still signed in is asked for consent.
const nobodySignedIn = ['login_required', 'interaction_required', 'account_selection_required'];

interface SignedIn {
	readonly authorization: Authorization;
	readonly tokens: Tokens;
}

export const logoutModules: readonly Module[] = [
	{
		...named('oidcc-rp-initiated-logout-discovery-endpoint-verification'),
		promise: 'The discovery document names the end session endpoint.',
		run(session) {
			checkMetadata(session, { ...session.metadata });
			check(
				session.metadata.end_session_endpoint?.startsWith('https://'),
				'end_session_endpoint is named and https (RP-Initiated Logout §2.1).'
			);
			return Promise.resolve();
		}
	},
	{
		...named('oidcc-rp-initiated-logout'),
		promise: 'A sign-out with a hint ends the session and returns to the client.',
		async run(session) {
			const signedIn = await signIn(session);
			// Longer than most, to see that nothing is cut off.
			const state = Array.from({ length: 3 }, random).join('');
			const end = await signOut(session, signedIn, { state });
			expectReturn(session, end, { state });
			await expectSignedOut(session, signedIn);
		}
	},
	refused('oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', 'an unregistered address', (session) => ({
		post_logout_redirect_uri: `${session.client('basic').post_logout_redirect_uri}${random()}`
	})),
	refused(
		'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri',
		'a registered address with a query',
		(session) => ({
			post_logout_redirect_uri: `${session.client('basic').post_logout_redirect_uri}?foo=bar`
		})
	),
	refused(
		'oidcc-rp-initiated-logout-modified-id-token-hint',
		'a hint that was tampered with',
		(_, { tokens }) => {
			const [header = '', payload = '', signature = ''] = tokens.id_token.split('.');
			const other = Buffer.from(signature, 'base64url');
			other[5] = (other[5] ?? 0) ^ 0x5a;
			return { id_token_hint: [header, payload, other.toString('base64url')].join('.') };
		}
	),
	refused('oidcc-rp-initiated-logout-bad-id-token-hint', 'a hint that is none', () => ({
		id_token_hint: 'this-is-no-id-token'
	})),
	refused('oidcc-rp-initiated-logout-no-id-token-hint', 'no hint', () => ({ id_token_hint: undefined })),
	stays('oidcc-rp-initiated-logout-no-params', 'nothing', {
		id_token_hint: undefined,
		post_logout_redirect_uri: undefined,
		state: undefined
	}),
	stays('oidcc-rp-initiated-logout-no-post-logout-redirect-uri', 'a hint and no address', {
		post_logout_redirect_uri: undefined
	}),
	{
		...named('oidcc-rp-initiated-logout-no-state'),
		promise: 'A sign-out without state returns without state.',
		async run(session) {
			const signedIn = await signIn(session);
			expectReturn(session, await signOut(session, signedIn, { state: undefined }), { state: undefined });
			await expectSignedOut(session, signedIn);
		}
	},
	stays('oidcc-rp-initiated-logout-only-state', 'a state and nothing else', {
		id_token_hint: undefined,
		post_logout_redirect_uri: undefined
	})
];

function named(name: string): Pick<Module, 'name' | 'plan'> {
	return { name, plan: 'RP-Initiated Logout OP' };
}

/** A request that must not lead anywhere else, nor end the session before the person has agreed. */
function refused(
	name: string,
	what: string,
	change: (session: Session, signedIn: SignedIn) => Parameters
): Module {
	return {
		...named(name),
		promise: `A sign-out with ${what} redirects nowhere, and ends nothing by itself.`,
		async run(session) {
			const signedIn = await signIn(session);
			const parameters = { state: random(), ...change(session, signedIn) };
			const { browser } = signedIn.authorization;
			const shown = await browser.open(addressOf(session, signedIn, parameters));
			expectStay(shown);
			await expectSignedIn(session, signedIn);
			if (session.provider.asks(shown) === 'sign-out')
				expectStay(await session.provider.signOut(browser, shown));
		}
	};
}

/** A request that ends the session, once the person agrees, and leads nowhere. */
function stays(name: string, what: string, parameters: Parameters): Module {
	return {
		...named(name),
		promise: `A sign-out with ${what} ends the session, once confirmed, and stays.`,
		async run(session) {
			const signedIn = await signIn(session);
			expectStay(await signOut(session, signedIn, { state: random(), ...parameters }));
			await expectSignedOut(session, signedIn);
		}
	};
}

async function signIn(session: Session): Promise<SignedIn> {
	const authorization = await authorize(session);
	return { authorization, tokens: await tokensOf(session, authorization) };
}

/** Send the browser to the end session endpoint; the person agrees where asked. */
async function signOut(session: Session, signedIn: SignedIn, parameters: Parameters): Promise<Arrival> {
	const { browser } = signedIn.authorization;
	const shown = await browser.open(addressOf(session, signedIn, parameters));
	const asks = shown.kind === 'page' && session.provider.asks(shown) === 'sign-out';
	return asks ? await session.provider.signOut(browser, shown) : shown;
}

function addressOf(session: Session, { authorization, tokens }: SignedIn, parameters: Parameters): string {
	const endpoint = session.metadata.end_session_endpoint;
	check(endpoint, 'end_session_endpoint is named (RP-Initiated Logout §2.1).');
	const query = encode({
		id_token_hint: tokens.id_token,
		post_logout_redirect_uri: authorization.client.post_logout_redirect_uri,
		...parameters
	});
	return `${endpoint}?${query.toString()}`;
}

function expectReturn(session: Session, end: Arrival, { state }: { state: string | undefined }): void {
	check(end.kind === 'departure', 'The browser returns to the client (RP-Initiated Logout §3).', end);
	const address = new URL(session.client('basic').post_logout_redirect_uri);
	if (state !== undefined) address.searchParams.set('state', state);
	check(
		end.url.href === address.href,
		'It returns to the registered address, with the state and nothing else (RP-Initiated Logout §3).',
		end.url.href
	);
}

function expectStay(end: Arrival): asserts end is Arrival & { kind: 'page' } {
	check(end.kind === 'page', 'The browser is redirected nowhere (RP-Initiated Logout §3).', end.url.href);
}

async function expectSignedOut(session: Session, { authorization: { browser } }: SignedIn): Promise<void> {
	expectError(session, await authorize(session, { browser, with: { prompt: 'none' } }), ...nobodySignedIn);
}

async function expectSignedIn(session: Session, { authorization: { browser } }: SignedIn): Promise<void> {
	const { response } = await authorize(session, { browser, with: { prompt: 'none' } });
	check(
		response?.has('code'),
		'Without a valid request nobody is signed out unasked (RP-Initiated Logout §6).',
		response?.get('error')
	);
}
