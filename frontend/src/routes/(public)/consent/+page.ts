import type { PageLoad } from './$types';

export const load: PageLoad = ({ url }) => ({ transaction: url.searchParams.get('transaction') ?? '' });
