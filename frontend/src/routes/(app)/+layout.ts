import { requireSession } from '$lib/auth/guard';
import type { LayoutLoad } from './$types';

// Asked once per window: while it is open, every refused call leads back to the sign-in form by itself.
export const load: LayoutLoad = async ({ url, untrack }) => {
	await requireSession(untrack(() => new URL(url)));
};
