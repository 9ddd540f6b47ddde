import { clients } from '.';
import { answer } from './client';
import type { paths } from './generated/api';

export type Dashboard = paths['/api/dashboard']['get']['responses'][200]['content']['application/json'];
export type Me = Dashboard['me'];
export type Service = Dashboard['system']['services'][number];
export type SessionSummary = Dashboard['sessions']['items'][number];

export async function getDashboard(signal?: AbortSignal): Promise<Dashboard> {
	return await answer(clients.api.GET('/api/dashboard', { signal }));
}
