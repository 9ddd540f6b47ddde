/** The Config OP plan, `oidcc-config-certification-test-plan`: what the discovery document says. */
import { check } from '../support/check';
import { discoveryOf, type Session } from '../support/session';
import type { Module } from './module';

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

export const configModules: readonly Module[] = [
	{
		name: 'oidcc-discovery-endpoint-verification',
		plan: 'Config OP',
		promise: 'The discovery document is complete, true and about https.',
		async run(session) {
			const response = await fetch(discoveryOf(session.description), { redirect: 'manual' });
			check(response.status === 200, 'The document answers 200 (OIDC Discovery §4).', response.status);
			check(
				response.headers.get('Content-Type')?.startsWith('application/json'),
				'The document is JSON (OIDC Discovery §4.2).',
				response.headers.get('Content-Type')
			);
			checkMetadata(session, (await response.json()) as Record<string, unknown>);
			await checkKeys(session);
		}
	}
];

/** OIDC Discovery §3, §4.3. */
export function checkMetadata(session: Session, document: Record<string, unknown>): void {
	check(
		document['issuer'] === session.issuer,
		'The document names its own issuer (OIDC Discovery §4.3).',
		document['issuer']
	);
	const { protocol, search, hash } = new URL(session.issuer);
	check(
		protocol === 'https:' && search === '' && hash === '',
		'The issuer is https, and nothing but scheme, host and path.'
	);
	for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'])
		check(typeof document[name] === 'string', `${name} is named (OIDC Discovery §3).`);
	for (const [name, value] of Object.entries(document))
		if (/_(?:endpoint|uri)$/.test(name))
			check(
				typeof value === 'string' && value.startsWith('https://'),
				`${name} is https (OIDC Discovery §3).`,
				value
			);
	includes(document, 'response_types_supported', 'code');
	includes(document, 'id_token_signing_alg_values_supported', 'RS256');
	includes(document, 'scopes_supported', 'openid');
	includes(document, 'code_challenge_methods_supported', 'S256');
	const grants = document['grant_types_supported'] ?? ['authorization_code', 'implicit'];
	check(
		Array.isArray(grants) && grants.includes('authorization_code'),
		'grant_types_supported has authorization_code (OIDC Discovery §3).',
		grants
	);
	const subjects = document['subject_types_supported'];
	check(
		Array.isArray(subjects) &&
			subjects.length > 0 &&
			subjects.every((type) => type === 'public' || type === 'pairwise'),
		'subject_types_supported has public or pairwise (OIDC Discovery §3).',
		subjects
	);
	check(
		Array.isArray(document['claims_supported']) && document['claims_supported'].includes('sub'),
		'claims_supported names the claims (OIDC Discovery §3).',
		document['claims_supported']
	);
	for (const scope of strings(document, 'scopes_supported'))
		check(/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope), 'Scopes have the characters of RFC 6749 §3.3.', scope);
	for (const locale of strings(document, 'ui_locales_supported'))
		check(isLocale(locale), 'Locales are language tags (RFC 5646).', locale);
}

/** RFC 7517, RFC 7518 §6.3. */
async function checkKeys({ metadata }: Session): Promise<void> {
	const response = await fetch(metadata.jwks_uri, { redirect: 'manual' });
	const { keys } = (await response.json()) as { keys: Record<string, unknown>[] };
	check(keys.length > 0, 'There are keys (OIDC Discovery §3).');
	for (const key of keys) {
		const secret = privateMembers.filter((member) => member in key);
		check(secret.length === 0, 'Only the public halves of keys are published (RFC 7518 §6.3.2).', secret);
		check(typeof key['kid'] === 'string', 'Every key has a name (OIDC Core §10.1).', key['kty']);
	}
	const names = keys.map(({ kid }) => kid);
	check(new Set(names).size === names.length, 'No two keys have one name (RFC 7517 §4.5).', names);
	const signing = keys.filter(({ kty, use }) => kty === 'RSA' && (use ?? 'sig') === 'sig');
	check(signing.length > 0, 'There is an RSA key for signatures (OIDC Core §15.1).');
	for (const { n } of signing)
		check(
			Buffer.from(String(n), 'base64url').length >= 256,
			'RSA keys have 2048 bits or more (RFC 7518 §3.3).'
		);
}

function includes(document: Record<string, unknown>, name: string, value: string): void {
	const list = document[name];
	check(Array.isArray(list) && list.includes(value), `${name} has ${value} (OIDC Discovery §3).`, list);
}

function strings(document: Record<string, unknown>, name: string): string[] {
	const list = document[name] ?? [];
	check(Array.isArray(list), `${name} is a list (OIDC Discovery §3).`, list);
	return list.map(String);
}

function isLocale(tag: string): boolean {
	try {
		return Intl.getCanonicalLocales(tag)[0] === tag;
	} catch (error) {
		if (error instanceof RangeError) return false;
		throw error;
	}
}
