import { redirect } from '@sveltejs/kit';
import { asProblem } from '$lib/api/problem';
import { isSignedIn, refuse } from '$lib/auth/guard';
import { localPathOr } from '$lib/auth/local-path';
import { beginSignIn, noticeOrNull } from '$lib/auth/sign-in';
import type { PageLoad } from './$types';

/** Without a transaction the page only leads to where one begins: `way`. */
export const load: PageLoad = async ({ url }) => {
	const transaction = url.searchParams.get('transaction');
	if (transaction !== null) return { transaction, way: null };

	const next = localPathOr(url.searchParams.get('next'));
	const notice = noticeOrNull(url.searchParams.get('reason'));
	// With a notice the answer is known.
	if (notice === null && (await isSignedIn().catch((thrown) => refuse(asProblem(thrown)))))
		redirect(303, next);
	return { transaction, way: beginSignIn(next, notice) };
};
