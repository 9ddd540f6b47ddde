/** What a page's `load` asks before the page is shown. */
import { error, redirect } from '@sveltejs/kit';
import { clients } from '$lib/api';
import { getDashboard, type Dashboard } from '$lib/api/dashboard';
import { asProblem, type Problem } from '$lib/api/problem';
import { explain } from '$lib/api/explain';
import { loginPath } from './local-path';
import { session } from './session.svelte';

let first: Dashboard | null = null;

/** Open the session of this browser, or send the person to the sign-in form and back. */
export async function requireSession(url: URL): Promise<void> {
	if (session.open) return;
	try {
		if (await isSignedIn()) {
			await identify();
			session.open = true;
		}
	} catch (thrown) {
		const problem = asProblem(thrown);
		// A token handed over by another tab may belong to a session that has just ended: the form need not ask again.
		if (problem.code === 'signed_out') redirect(303, loginPath(url, 'expired'));
		refuse(problem);
	}
	if (!session.open) redirect(303, loginPath(url));
}

/** Refuse early what the server would refuse anyway, with a page that says why. */
export function requireAdmin(): void {
	if (!session.isAdmin) error(403, { message: explainForbidden, code: 'insufficient_role' });
}

export const explainForbidden =
	'This page is for people with the role Admin. Ask one of them if you need it.';

/** True where this browser has a session. Throws a `Problem` where that cannot be known now. */
export async function isSignedIn(): Promise<boolean> {
	return (await clients.tokens.current()) !== null;
}

/** Learn who is signed in. */
export async function identify(): Promise<void> {
	try {
		first = await getDashboard();
		session.who = first.me;
	} catch (thrown) {
		const problem = asProblem(thrown);
		// Signed in, but no role opens the dashboard: the page says so itself.
		if (problem.status !== 403) throw thrown;
		session.who = null;
	}
}

/** The dashboard that came with the identification, once: where it leads to the start page, that need not ask a second time. */
export function takeFirstDashboard(): Dashboard | null {
	const dashboard = first;
	first = null;
	return dashboard;
}

/** The navigation is over: figures that its page did not take are old ones for any later page. */
export function forgetFirstDashboard(): void {
	first = null;
}

/** Show the error page, because `problem` leaves nothing to show instead. */
export function refuse(problem: Problem): never {
	error(problem.status >= 400 ? problem.status : 503, {
		message: explain(problem),
		code: problem.code,
		requestId: problem.requestId
	});
}
