/** Why requests were denied, and whether one would pass now: what the pages may ask of the api. For administrators. */
import { clients } from '.';
import { answer } from './client';
import type { components } from './generated/api';

type Schemas = components['schemas'];

export type CredentialKind = Schemas['CredentialKind'];
export type Decision = Schemas['DecisionResponse'];
export type Question = Schemas['ExplainRequest'];
export type Explanation = Schemas['ExplainResponse'];

export interface DecisionPage {
	readonly items: readonly Decision[];
	/** Where to go on, or null at the end of what is kept. */
	readonly next: string | null;
}

/** The newest denials, or those before a position. */
export async function latestDecisions(before: string | null, signal?: AbortSignal): Promise<DecisionPage> {
	const query = before === null ? {} : { before };
	return await answer(clients.api.GET('/api/admin/decisions', { params: { query }, signal }));
}

/** The denial of one request, as a page of none or one. */
export async function findDecision(request_id: string, signal?: AbortSignal): Promise<DecisionPage> {
	const params = { query: { request_id } };
	return await answer(clients.api.GET('/api/admin/decisions', { params, signal }));
}

/** What would become of a request: the engine that decides about live ones says it. */
export async function explainPolicy(body: Question, signal?: AbortSignal): Promise<Explanation> {
	return await answer(clients.api.POST('/api/policy/explain', { body, signal }));
}

/** What was decided about a request that was denied, and what would be decided today. */
export async function explainRequest(request_id: string, signal?: AbortSignal): Promise<Explanation> {
	return await explainPolicy({ request_id }, signal);
}
