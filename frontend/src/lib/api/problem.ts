/** What went wrong, as the back end says it (RFC 9457 with a stable `code`), or as the browser does where no answer came. */

export interface FieldError {
	readonly field: string;
	readonly message: string;
	readonly code: string;
}

interface ProblemParts {
	readonly status: number;
	readonly code: string;
	readonly detail: string;
	readonly errors?: readonly FieldError[];
	readonly requestId?: string | null;
	/** Seconds from now. */
	readonly retryAfter?: number | null;
}

export class Problem extends Error {
	/** The HTTP status, 0 where there was no answer at all. */
	readonly status: number;
	/** A code of the contract, or one of ours: `unreachable`, `timed_out`, `unreadable`, `signed_out`. */
	readonly code: string;
	readonly detail: string;
	readonly errors: readonly FieldError[];
	readonly requestId: string | null;
	readonly retryAfter: number | null;

	constructor(parts: ProblemParts, options?: ErrorOptions) {
		super(parts.detail, options);
		this.name = 'Problem';
		this.status = parts.status;
		this.code = parts.code;
		this.detail = parts.detail;
		this.errors = parts.errors ?? [];
		this.requestId = parts.requestId ?? null;
		this.retryAfter = parts.retryAfter ?? null;
	}

	/** True where the same request may succeed later: the session is kept and the person may try again. */
	get temporary(): boolean {
		return this.status === 0 || this.status === 429 || this.status >= 500;
	}

	/** The same without fields: where none of them is shown, what is wrong with the first is what there is to say. */
	get inOneSentence(): Problem {
		const [first] = this.errors;
		if (!first) return this;
		const { status, code, requestId, retryAfter } = this;
		return new Problem({ status, code, detail: first.message, requestId, retryAfter });
	}

	/** The message about one field, also where the server names an item of it (`roles.3`, `roles[3]`). */
	about(field: string): string | undefined {
		return this.errors.find(
			(error) =>
				error.field === field || error.field.startsWith(`${field}.`) || error.field.startsWith(`${field}[`)
		)?.message;
	}
}

/** What a problem says of each of these fields. */
export function fieldErrors(fields: readonly string[], problem: Problem): Record<string, string | null> {
	return Object.fromEntries(fields.map((field) => [field, problem.about(field) ?? null]));
}

/** Build the problem from a refused answer; `body` is whatever was parsed from it and is trusted in nothing. */
export function problemFrom(response: Response, body: unknown, now = Date.now()): Problem {
	const fields = isRecord(body) ? body : {};
	return new Problem({
		status: response.status,
		code: text(fields['code']) ?? text(fields['error']) ?? fallbackCode(response.status),
		detail:
			text(fields['detail']) ??
			text(fields['title']) ??
			`The server answered with status ${response.status}.`,
		errors: Array.isArray(fields['errors']) ? fields['errors'].flatMap(fieldError) : [],
		requestId: text(fields['request_id']) ?? response.headers.get('X-Request-Id'),
		retryAfter: retryAfterSeconds(response.headers.get('Retry-After'), now)
	});
}

/** Turn what `fetch` threw into a problem. A problem stays itself, and so does an abort that the caller asked for. */
export function problemFromThrown(thrown: unknown): unknown {
	if (thrown instanceof Problem) return thrown;
	if (thrown instanceof DOMException && thrown.name === 'AbortError') return thrown;
	if (thrown instanceof DOMException && thrown.name === 'TimeoutError')
		return new Problem(
			{ status: 0, code: 'timed_out', detail: 'The server took too long to answer.' },
			{ cause: thrown }
		);
	return new Problem(
		{ status: 0, code: 'unreachable', detail: 'The server cannot be reached.' },
		{ cause: thrown }
	);
}

/** Anything caught by a page, as a problem to show. */
export function asProblem(thrown: unknown): Problem {
	const problem = problemFromThrown(thrown);
	if (problem instanceof Problem) return problem;
	return new Problem(
		{ status: 0, code: 'unreachable', detail: 'The request was interrupted.' },
		{ cause: thrown }
	);
}

export function isAbort(thrown: unknown): boolean {
	return thrown instanceof DOMException && thrown.name === 'AbortError';
}

/** Read `Retry-After` (RFC 9110 §10.2.3): seconds or a date; null where absent or unreadable, never negative. */
export function retryAfterSeconds(header: string | null, now = Date.now()): number | null {
	if (header === null) return null;
	const value = header.trim();
	if (/^\d{1,9}$/.test(value)) return Number(value);
	const date = Date.parse(value);
	if (Number.isNaN(date) || !/[a-z]/i.test(value)) return null;
	return Math.max(0, Math.ceil((date - now) / 1000));
}

function fieldError(item: unknown): FieldError[] {
	if (!isRecord(item)) return [];
	const field = text(item['field']);
	const message = text(item['message']);
	if (field === null || message === null) return [];
	return [{ field, message, code: text(item['code']) ?? '' }];
}

function fallbackCode(status: number): string {
	if (status === 401) return 'authentication_required';
	if (status === 403) return 'forbidden';
	if (status === 404) return 'not_found';
	if (status === 429) return 'too_many_attempts';
	if (status === 503) return 'unavailable';
	return status >= 500 ? 'internal_error' : 'unreadable';
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
	return typeof value === 'string' && value !== '' ? value : null;
}
