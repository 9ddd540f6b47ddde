import { redirect } from '@sveltejs/kit';
import { isSignedIn } from '$lib/auth/guard';
import { localPathOr } from '$lib/auth/local-path';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ url }) => {
	const next = localPathOr(url.searchParams.get('next'));
	const reason = url.searchParams.get('reason');
	// After a sign-out the answer is known. Where the server cannot say, the form is shown and will.
	if (reason === null && (await isSignedIn().catch(() => false))) redirect(303, next);
	return { next, reason };
};
