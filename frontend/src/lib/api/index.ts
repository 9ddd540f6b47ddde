/** The clients of this browser window. */
import { session } from '$lib/auth/session.svelte';
import { connection } from '$lib/connection.svelte';
import { createClients } from './client';

export const clients = createClients({
	origin: location.origin,
	fetch: (input, init) => globalThis.fetch(input, init),
	platform: {
		locks: navigator.locks ?? null,
		channel: typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('paseport'),
		now: () => Date.now()
	},
	events: session,
	reachability: connection
});
