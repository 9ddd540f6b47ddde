import type { PageLoad } from './$types';

export const load: PageLoad = ({ url }) => ({ pending: url.searchParams.get('pending') ?? '' });
