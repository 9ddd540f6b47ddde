import { redirect } from '@sveltejs/kit';
import { clients } from '$lib/api';
import { asProblem } from '$lib/api/problem';
import { refuse } from '$lib/auth/guard';
import { localPathOr } from '$lib/auth/local-path';
import type { PageLoad } from './$types';

/** The end of the app's sign-in: take up the session and go on. Where there is none, the page says so and stops. */
export const load: PageLoad = async ({ url }) => {
	const next = localPathOr(url.searchParams.get('next'));
	if (await clients.tokens.arrive().catch((thrown) => refuse(asProblem(thrown)))) redirect(303, next);
	return { next };
};
