import type { UserSort } from '$lib/api/users';

export interface UserFilter {
	readonly search: string;
	readonly role: string;
	readonly status: '' | 'active' | 'disabled';
	readonly sort: UserSort;
}

export const defaultSort: UserSort = 'username';
const sorts: readonly UserSort[] = ['username', '-username', 'email', '-email', 'created_at', '-created_at'];

/** The filter that a query describes; what it says wrongly is left out. */
export function filterFrom(query: URLSearchParams): UserFilter {
	const status = query.get('status');
	const sort = query.get('sort');
	return {
		search: query.get('search') ?? '',
		role: query.get('role') ?? '',
		status: status === 'active' || status === 'disabled' ? status : '',
		sort: sorts.find((known) => known === sort) ?? defaultSort
	};
}

/** The query that describes a filter, without what is the default anyway. */
export function queryFrom(filter: UserFilter): URLSearchParams {
	const query = new URLSearchParams();
	if (filter.search !== '') query.set('search', filter.search);
	if (filter.role !== '') query.set('role', filter.role);
	if (filter.status !== '') query.set('status', filter.status);
	if (filter.sort !== defaultSort) query.set('sort', filter.sort);
	return query;
}
