import { requireAdmin } from '$lib/auth/guard';
import type { LayoutLoad } from './$types';

export const load: LayoutLoad = async ({ parent }) => {
	await parent();
	requireAdmin();
};
