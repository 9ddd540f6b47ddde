import type { OwnSession } from '$lib/api/account';

/** The browser that asks first, then the most recently used. */
export function ordered(sessions: readonly OwnSession[]): readonly OwnSession[] {
	return [...sessions].sort(
		(a, b) => Number(b.current) - Number(a.current) || b.last_seen_at.localeCompare(a.last_seen_at)
	);
}

/** What is signed in in a session besides this app: that it is in it is no news to anybody. */
export function otherClients(session: OwnSession): readonly string[] {
	return session.clients.filter(({ client_id }) => client_id !== 'bff').map(({ name }) => name);
}

/** "The shop", "The shop and the wiki", "The shop, the wiki and 3 more"; with `or`: "The shop or the wiki". */
export function namesInWords(names: readonly string[], shown = 3, joint: 'and' | 'or' = 'and'): string {
	const rest = names.length - shown;
	if (rest > 0) return `${names.slice(0, shown).join(', ')} ${joint} ${rest} more`;
	if (names.length < 2) return names.join('');
	return `${names.slice(0, -1).join(', ')} ${joint} ${names[names.length - 1]}`;
}
