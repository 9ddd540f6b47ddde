import type { PageLoad } from './$types';

export const load: PageLoad = ({ params }) => ({ owner: params.owner });
