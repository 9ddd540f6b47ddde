/**
 * The real pages with what differs from run to run held still: times, identifiers, counters. Masks would hide the same
 * places behind boxes whose size follows the hidden text, and nobody could look at the pictures.
 */
import type { Page } from '@playwright/test';
import type { Provider, User } from './api';

const now = '2026-01-15T10:30:00Z';
const started = '2026-01-15T10:25:00Z';
const id = '019bc0de-0000-7000-8000-000000000001';
const keyId = 'Example0Example0';

interface Service {
	version: string | null;
	uptime_seconds: number | null;
	requests_total: number | null;
	requests_per_minute: number | null;
	error_rate: number | null;
	pools: { in_use: number; waiting: number }[];
	feed: { epoch: number; seq: number; age_seconds: number } | null;
}

interface Session {
	started_at: string;
	last_seen_at: string;
	address: string | null;
	user_agent: string | null;
	current: boolean;
}

interface OwnSession {
	readonly current: boolean;
}

interface Dashboard {
	me: { subject: string; auth_time: string; expires_at: string };
	sessions: { items: Session[] };
	system: { services: Service[] };
}

interface ProviderOption {
	readonly name: string;
}

interface PinnedKey {
	readonly name: string;
	readonly expires_at: string | null;
	readonly secrets: readonly { created_at: string; expires_at: string | null }[];
	readonly [field: string]: unknown;
}

interface PinnedDenial {
	readonly path: string;
	readonly subject: string;
	readonly key_id: string | null;
}

interface Identity {
	readonly provider: ProviderOption;
}

/** Hold the page still before it is opened; the users list shows only `usernames`, the sign-in page no provider. */
export async function pin(page: Page, usernames: readonly string[]): Promise<void> {
	await page.clock.setFixedTime(now);
	await rewrite<Dashboard>(page, '**/api/dashboard', ({ me, sessions, system }) => ({
		me: { ...me, subject: id, auth_time: started, expires_at: '2026-01-15T10:35:00Z' },
		sessions: { count: 1, items: sessions.items.filter(({ current }) => current).map(recent) },
		system: { ...system, services: system.services.map(still) }
	}));
	await rewrite<{ items: User[]; total: number }>(page, '**/users/v1?*', ({ items, ...page }) => {
		const shown = items.filter(({ username }) => usernames.includes(username)).map(dated);
		return { ...page, items: shown, total: shown.length, next: null };
	});
	await rewrite<User>(page, /\/users\/v1\/[0-9a-f-]{36}$/, (user) => ({ ...dated(user), id }));
	// The id that is shown is nobody's.
	await page.route(`**/users/v1/${id}/identities`, (route) =>
		route.fulfill({ json: { items: [], available: [], has_password: true } })
	);
	await rewriteOptions(page, []);
}

/** Show these identity providers and no other ones; the browsers in which somebody is signed in are this one. */
export async function pinProviders(page: Page, names: readonly string[]): Promise<void> {
	await rewriteOptions(page, names);
	await rewrite<{ items: Provider[] }>(page, '**/auth/v1/providers', ({ items, ...page }) => {
		const shown = items.filter(({ name }) => names.includes(name)).map(stillProvider);
		return { ...page, items: shown, total: shown.length };
	});
	await rewrite<Provider>(page, /\/auth\/v1\/providers\/[0-9a-f-]{36}$/, stillProvider);
	await rewrite<{ items: Identity[]; available: ProviderOption[] }>(
		page,
		'**/me/v1/identities',
		({ items, available, ...rest }) => ({
			...rest,
			items: items.map((identity) => ({ ...identity, linked_at: started, last_used_at: now })),
			available: available.filter(({ name }) => names.includes(name))
		})
	);
	await rewrite<{ sessions: OwnSession[] }>(page, '**/me/v1/sessions', ({ sessions, ...rest }) => ({
		...rest,
		sessions: sessions
			.filter(({ current }) => current)
			.map((session) => ({ ...session, ...browser, signed_in_at: started, last_seen_at: now }))
	}));
}

/** Show these API keys and no other ones, with identifiers that are nobody's. */
export async function pinKeys(page: Page, names: readonly string[]): Promise<void> {
	const stillKey = (key: PinnedKey): PinnedKey => ({
		...key,
		...identified(key.name, names),
		created_at: '2026-01-12T08:00:00Z',
		updated_at: '2026-01-14T16:45:00Z',
		expires_at: key.expires_at && (key.name === names[1] ? '2026-01-20T08:00:00Z' : '2026-04-12T08:00:00Z'),
		last_used_at: key.name === names[0] ? started : null,
		use_count: key.name === names[0] ? 48_213 : 0,
		secrets: key.secrets.map((secret, index) => ({
			...secret,
			created_at: `2026-01-1${index + 2}T08:00:00Z`,
			expires_at: secret.expires_at && '2026-01-16T08:00:00Z'
		}))
	});
	await rewrite<{ items: PinnedKey[] }>(page, /\/tokens(?:\?.*)?$/, ({ items, ...page }) => {
		const shown = items.filter(({ name }) => names.includes(name)).map(stillKey);
		return { ...page, items: shown, total: shown.length, next: null };
	});
	await rewrite<PinnedKey>(page, /\/tokens\/[0-9A-Za-z]{16}$/, stillKey);
}

/** Show these denials, whatever was denied meanwhile: the others of the run are in the log too. */
export async function pinDenials(page: Page, paths: readonly string[]): Promise<void> {
	await rewrite<{ items: PinnedDenial[] }>(page, '**/api/admin/decisions*', ({ items }) => ({
		// The latest of each, as they follow each other in the list.
		items: paths.flatMap((path, index) => {
			const found = items.find((denial) => denial.path === path);
			const request_id = `${id.slice(0, -1)}${index + 1}`;
			return found
				? [{ ...found, request_id, at: started, subject: found.subject && id, key_id: found.key_id && keyId }]
				: [];
		}),
		next: null
	}));
}

/** The id of a key by its place among those of a picture. */
function identified(name: string, names: readonly string[]): { id: string; prefix: string } {
	const made = `${keyId.slice(0, -1)}${names.indexOf(name)}`;
	return { id: made, prefix: `ppk_${made}` };
}

async function rewriteOptions(page: Page, names: readonly string[]): Promise<void> {
	await rewrite<{ providers: ProviderOption[] }>(page, '**/auth/v1/sign-in-options', ({ providers }) => ({
		providers: providers.filter(({ name }) => names.includes(name))
	}));
}

function stillProvider(provider: Provider): Provider {
	return {
		...provider,
		client_id: 'paseport',
		issuer: provider.issuer && `https://${provider.name}.example.com`,
		redirect_uri: `https://auth.example.com/auth/v1/oauth/callback/${provider.name}`,
		backchannel_logout_uri: `https://auth.example.com/auth/v1/oauth/backchannel-logout/${provider.name}`,
		created_at: '2026-01-12T08:00:00Z',
		updated_at: '2026-01-14T16:45:00Z'
	};
}

const browser = {
	address: '127.0.0.1',
	user_agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36'
};

function recent(session: Session): Session {
	return { ...session, ...browser, started_at: started, last_seen_at: now };
}

function still(service: Service): Service {
	// What a plain user is not told stays untold.
	const unless = <T>(value: T | null, fixed: T) => (value === null ? null : fixed);
	return {
		...service,
		version: unless(service.version, '1.2.3'),
		uptime_seconds: unless(service.uptime_seconds, 273_900),
		requests_total: unless(service.requests_total, 48_213),
		requests_per_minute: unless(service.requests_per_minute, 36.5),
		error_rate: unless(service.error_rate, 0.0004),
		pools: service.pools.map((pool) => ({ ...pool, in_use: 0, waiting: 0 })),
		feed: service.feed && { ...service.feed, epoch: 1, seq: 42, age_seconds: 0.2 }
	};
}

function dated(user: User): User {
	return { ...user, created_at: '2026-01-12T08:00:00Z', updated_at: '2026-01-14T16:45:00Z' };
}

async function rewrite<Body>(
	page: Page,
	address: string | RegExp,
	change: (body: Body) => object
): Promise<void> {
	await page.route(address, async (route) => {
		if (route.request().method() !== 'GET') return await route.fallback();
		const response = await route.fetch();
		const body = (await response.json()) as Body;
		await route.fulfill({ response, json: response.ok() ? change(body) : body });
	});
}
