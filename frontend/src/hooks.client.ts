import type { HandleClientError } from '@sveltejs/kit';

/** What a page shows for an error nobody expected; the error itself goes to the browser's console, unless it is a mistyped address. */
export const handleError: HandleClientError = ({ error, status }) => {
	if (status === 404) return { message: 'This page does not exist.', code: 'not_found' };
	reportError(error);
	return { message: 'Something went wrong in the app. Reload the page.', code: 'internal_error' };
};
