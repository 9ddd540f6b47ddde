/** What the servers do wrong from now on, and what they were asked. */
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { changed, signers } from './keys.js';

/** @import { IncomingHttpHeaders, ServerResponse } from 'node:http' */
/** @import { Forgery } from './keys.js' */

/**
 * How an answer departs from the right one. The request is always acted upon first, and whatever is not named here stays
 * right: an answer of status 500 has the right body, so that only a client that looks at the status refuses it.
 * @typedef {object} Wrong
 * @property {Record<string, unknown>} [set] members of its JSON object, changed or added
 * @property {string[]} [remove] members left out
 * @property {unknown} [json] another JSON value in its place
 * @property {string} [text] a text in its place
 * @property {string} [type] its Content-Type
 * @property {number} [status]
 * @property {number} [pad_bytes] spaces after it: JSON all the same, only longer
 * @property {boolean} [gzip] compressed, whatever the client accepts
 * @property {string} [redirect] a redirect (status 302 unless `status` says another) to this address; `loop`: to itself
 * @property {number} [delay_ms] it comes later
 * @property {number} [drip_ms] it comes byte by byte, with such pauses
 * @property {boolean} [break_off] it ends in the middle
 * @property {boolean} [never] it never comes; the connection stays open
 * @property {number} [times] only so many answers are wrong, the next ones are right again
 */

/**
 * @typedef {object} Seen
 * @property {string | null} endpoint
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} query
 * @property {IncomingHttpHeaders} headers
 * @property {Record<string, unknown>} form what was sent in the body, as far as the server read it
 * @property {number | null} status of the answer; null while there is none, or where none ever comes
 * @property {string[]} wrong what was done wrong in the answer: its endpoint, `id_token`, or both
 */

const ENDPOINTS = [
	...['discovery', 'jwks', 'token', 'userinfo'],
	...['github_token', 'github_user', 'github_emails']
];
const OF_WRONG = {
	set: isObject,
	remove: isListOfStrings,
	json: () => true,
	text: isString,
	type: isString,
	status: isNumber,
	pad_bytes: isNumber,
	gzip: isBoolean,
	redirect: isString,
	delay_ms: isNumber,
	drip_ms: isNumber,
	break_off: isBoolean,
	never: isBoolean,
	times: isNumber
};
const OF_FORGERY = {
	set: isObject,
	remove: isListOfStrings,
	header: isObject,
	/** @param {unknown} value */
	key: (value) => isString(value) && Object.hasOwn(signers, String(value)),
	/** @param {unknown} value */
	at_hash: (value) => value === 'right' || value === 'wrong'
};

/** A request to the control port that makes no sense: a wrong that is misspelt would otherwise prove nothing. */
export class Misspelt extends Error {}

export class Behaviour {
	/** @type {Record<string, any>} */
	#wrongs = {};
	/** @type {Seen[]} */
	#seen = [];

	/** Whether the document of keys has some that are of no use. */
	get withDecoys() {
		return this.#wrongs['decoys'] !== false;
	}

	/** Whether keys and tokens have a `kid` (RFC 7517 §4.5 lets a provider leave it out). */
	get withKids() {
		return this.#wrongs['kids'] !== false;
	}

	get requests() {
		return this.#seen;
	}

	get wrongs() {
		return this.#wrongs;
	}

	/**
	 * Do these things wrong from now on, and nothing else. Raises `Misspelt`.
	 * @param {unknown} wrongs
	 */
	misbehave(wrongs) {
		if (!isObject(wrongs)) throw new Misspelt('a JSON object was expected');
		for (const [name, wrong] of Object.entries(/** @type {object} */ (wrongs))) {
			if (name === 'decoys' || name === 'kids') check(isBoolean(wrong), name);
			else if (name === 'id_token') checkMembers(name, wrong, { ...OF_FORGERY, times: isNumber });
			else if (ENDPOINTS.includes(name)) checkMembers(name, wrong, OF_WRONG);
			else throw new Misspelt(`${name} is nothing that can go wrong`);
		}
		this.#wrongs = structuredClone(/** @type {Record<string, any>} */ (wrongs));
	}

	/** Do right, and forget what was seen. */
	reset() {
		this.#wrongs = {};
		this.#seen = [];
	}

	/**
	 * Note a request when it comes in.
	 * @param {Omit<Seen, 'form' | 'status' | 'wrong'>} request
	 */
	see(request) {
		/** @type {Seen} */
		const seen = { ...request, form: {}, status: null, wrong: [] };
		this.#seen.push(seen);
		return seen;
	}

	/**
	 * What is to be done wrong this time, if anything.
	 * @param {string | null} name
	 * @param {Seen} seen
	 * @returns {any}
	 */
	take(name, seen) {
		const wrong = name === null ? undefined : this.#wrongs[name];
		if (wrong === undefined || wrong.times === 0) return undefined;
		if (wrong.times !== undefined) wrong.times -= 1;
		seen.wrong.push(String(name));
		return wrong;
	}
}

/** @param {unknown} forgery @returns {Forgery} */
export function checkedForgery(forgery) {
	checkMembers('the token', forgery, OF_FORGERY);
	return /** @type {Forgery} */ (forgery);
}

/**
 * Send an answer, wrong as asked.
 * @param {ServerResponse} response whose headers may have been set in part
 * @param {{ status: number, type: string, body: unknown }} answer
 * @param {Wrong} wrong
 * @param {Seen} seen
 */
export async function sendWrong(response, answer, wrong, seen) {
	if (wrong.delay_ms !== undefined) await pause(wrong.delay_ms);
	if (wrong.never === true) return;
	seen.status = wrong.status ?? (wrong.redirect === undefined ? answer.status : 302);
	if (wrong.redirect !== undefined) {
		const to = wrong.redirect === 'loop' ? `${seen.path}?again` : wrong.redirect;
		response.writeHead(seen.status, { Location: to }).end();
		return;
	}
	const plain = Buffer.from(textOf(answer.body, wrong) + ' '.repeat(wrong.pad_bytes ?? 0));
	const bytes = wrong.gzip === true ? gzipSync(plain) : plain;
	response.writeHead(seen.status, {
		'Content-Type': wrong.type ?? answer.type,
		'Content-Length': bytes.length,
		...(wrong.gzip === true ? { 'Content-Encoding': 'gzip' } : {})
	});
	if (wrong.break_off === true) {
		response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
	} else if (wrong.drip_ms !== undefined) {
		for (const byte of bytes) {
			if (response.destroyed) return;
			response.write(Buffer.of(byte));
			await pause(wrong.drip_ms);
		}
		response.end();
	} else {
		response.end(bytes);
	}
}

/**
 * @param {unknown} body
 * @param {Wrong} wrong
 */
function textOf(body, wrong) {
	if (wrong.text !== undefined) return wrong.text;
	if (wrong.json !== undefined) return JSON.stringify(wrong.json);
	if (isObject(body)) return JSON.stringify(changed(/** @type {Record<string, unknown>} */ (body), wrong));
	return typeof body === 'string' ? body : JSON.stringify(body);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {Record<string, (value: unknown) => boolean>} members
 */
function checkMembers(name, value, members) {
	check(isObject(value), name);
	for (const [member, content] of Object.entries(/** @type {object} */ (value))) {
		check(Object.hasOwn(members, member) && members[member]?.(content) === true, `${name}.${member}`);
	}
}

/**
 * @param {boolean} isRight
 * @param {string} name
 */
function check(isRight, name) {
	if (!isRight) throw new Misspelt(`${name} is nothing that is understood here`);
}

/** @param {unknown} value */
function isObject(value) {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param {unknown} value */
function isListOfStrings(value) {
	return Array.isArray(value) && value.every(isString);
}

/** @param {unknown} value */
function isString(value) {
	return typeof value === 'string';
}

/** @param {unknown} value */
function isNumber(value) {
	return typeof value === 'number';
}

/** @param {unknown} value */
function isBoolean(value) {
	return typeof value === 'boolean';
}
