import type { PageLoad } from './$types';

/** What the new provider begins with: a preset, or what it speaks. Neither: that is to be chosen. */
export const load: PageLoad = ({ url }) => ({
	preset: url.searchParams.get('preset'),
	kind: url.searchParams.get('kind')
});
