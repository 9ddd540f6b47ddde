/** What `oidc-provider` remembers, kept apart from it: it is set up anew when its keys or clients change. */

const OF_GRANT = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

export class Storage {
	/** @type {Map<string, { payload: any, expiresAt: number }>} */
	#entries = new Map();

	clear() {
		this.#entries.clear();
	}

	/**
	 * The adapter of one model.
	 * @param {string} model
	 * @returns {import('oidc-provider').Adapter}
	 */
	of(model) {
		const entries = this.#entries;
		/** @param {string} id */
		const key = (id) => `${model}:${id}`;
		/** @param {string} name */
		const live = (name) => {
			const entry = entries.get(name);
			return entry !== undefined && Date.now() < entry.expiresAt ? entry.payload : undefined;
		};
		return {
			upsert: async (id, payload, expiresInSeconds) => {
				const expiresAt = expiresInSeconds ? Date.now() + expiresInSeconds * 1000 : Infinity;
				entries.set(key(id), { payload, expiresAt });
			},
			find: async (id) => live(key(id)),
			findByUid: async (uid) => {
				for (const name of entries.keys()) {
					if (name.startsWith(key('')) && live(name)?.uid === uid) return live(name);
				}
			},
			findByUserCode: async () => undefined,
			consume: async (id) => {
				const payload = live(key(id));
				if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
			},
			destroy: async (id) => {
				entries.delete(key(id));
			},
			revokeByGrantId: async (grantId) => {
				for (const [name, { payload }] of entries) {
					if (OF_GRANT.has(name.split(':', 1)[0] ?? '') && payload.grantId === grantId) entries.delete(name);
				}
			}
		};
	}
}
