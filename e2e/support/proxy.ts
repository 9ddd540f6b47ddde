/** What a proxy in front of a service asks (`/forward-auth`), and the rules by which it is answered. */
import type { Page } from '@playwright/test';
import { installation } from './installation';

export const host = 'app.example.com';

/** The rules of the installation that the journeys start; the line numbers are seen on the pages. */
export const rules = `rules:
  - name: health
    hosts: [${host}]
    paths: [/health]
    access: public
  - name: closed
    hosts: [${host}]
    paths: [/closed/**]
    access: deny
  - name: reports
    hosts: [${host}]
    paths: [/reports/**]
    roles: [Reports]
  - name: members
    hosts: [${host}]
`;

export interface ProxyAnswer {
	readonly status: number;
	readonly requestId: string;
	/** Who is let in, by user name. */
	readonly user: string;
}

/** Ask whether a request may pass, with an API key or without anything. */
export async function askAtDoor(page: Page, path: string, key?: string): Promise<ProxyAnswer> {
	const response = await page.request.get(`${installation().url}/forward-auth`, {
		maxRedirects: 0,
		headers: {
			'X-Forwarded-Method': 'GET',
			'X-Forwarded-Proto': 'https',
			'X-Forwarded-Host': host,
			'X-Forwarded-Uri': path,
			'X-Forwarded-For': '192.0.2.7',
			Accept: 'application/json',
			// The cookies of the browser are those of another host.
			Cookie: '',
			...(key === undefined ? {} : { Authorization: `Bearer ${key}` })
		}
	});
	const headers = response.headers();
	return {
		status: response.status(),
		requestId: headers['x-request-id'] ?? '',
		user: headers['x-user'] ?? ''
	};
}

/** The same, as far as it is about being let in. */
export async function passes(page: Page, path: string, key?: string): Promise<number> {
	return (await askAtDoor(page, path, key)).status;
}
