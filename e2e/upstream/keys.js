/** The keys of the provider: which one signs, which ones are published, and which are of no use to a relying party. */
import {
	createHash,
	createHmac,
	createPublicKey,
	generateKeyPair,
	randomBytes,
	sign as signBytes
} from 'node:crypto';
import { promisify } from 'node:util';

/** @import { JsonWebKey, KeyObject } from 'node:crypto' */

/**
 * @typedef {object} Key
 * @property {string} kid
 * @property {string} alg
 * @property {KeyObject} privateKey
 * @property {JsonWebKey & Record<string, unknown>} jwk the public half, as it is published
 * @property {boolean} published
 */

/**
 * How a token departs from what the provider would have signed.
 *
 * `set` and `remove` change claims, `header` the header. `key` says who signs:
 * - `own`: the key that signs at this time; so it is where nothing is said;
 * - `other`: a key that nobody published, under the `kid` of the right one;
 * - `unknown`: the same key under a `kid` of its own;
 * - `embedded`: the same key, brought along in the header as `jwk` (RFC 7515 §4.1.3);
 * - `encryption`: a published key that is meant for encryption;
 * - `es256`: a published key for another algorithm than RS256;
 * - `none`: nobody (`alg` none);
 * - `hs256_public_key`: whoever has read the document of keys: HMAC with the public key as its secret;
 * - `hs256_client_secret`: whoever knows the client secret;
 * - `damaged`: the right key, and the signature has a wrong bit.
 *
 * `at_hash` is `right` or `wrong`: a hash of the access token beside it, or of another one.
 * @typedef {object} Forgery
 * @property {Record<string, unknown>} [set]
 * @property {string[]} [remove]
 * @property {{ set?: Record<string, unknown>, remove?: string[] }} [header]
 * @property {keyof typeof signers} [key]
 * @property {'right' | 'wrong'} [at_hash]
 */

export class KeyRing {
	/** @type {Key[]} */
	#keys;
	#decoys;
	#outsider;

	/**
	 * @param {Key} first
	 * @param {{ encryption: Key, es256: Key }} decoys
	 * @param {Key} outsider
	 */
	constructor(first, decoys, outsider) {
		this.signing = first;
		this.#keys = [first];
		this.#decoys = decoys;
		this.#outsider = outsider;
	}

	static async create() {
		const [first, encryption, es256, outsider] = await Promise.all([
			newKey('RS256', 'sig'),
			newKey('RSA-OAEP-256', 'enc'),
			newKey('ES256', 'sig'),
			newKey('RS256', 'sig')
		]);
		return new KeyRing(first, { encryption, es256 }, outsider);
	}

	/** All keys that have signed or will, private, the one that signs first: it is the one that is chosen. */
	privateJwks() {
		const others = this.#keys.filter((key) => key !== this.signing);
		return [this.signing, ...others].map((key) => ({
			...key.privateKey.export({ format: 'jwk' }),
			kid: key.kid,
			alg: key.alg,
			use: 'sig'
		}));
	}

	/**
	 * The document of keys. With decoys a relying party has to choose: it also has keys for encryption and for another
	 * algorithm, one of a type that is not invented yet, and one that cannot be read (RFC 7517 §5).
	 * @param {{ withDecoys: boolean, withKids: boolean }} how
	 */
	document({ withDecoys, withKids }) {
		const published = this.#keys
			.filter((key) => key.published)
			.map(({ jwk: { kid, ...jwk } }) => (withKids ? { kid, ...jwk } : jwk));
		if (!withDecoys) return { keys: published };
		const future = { kty: 'FUTURE', kid: 'future', use: 'sig', alg: 'RS256', value: 'AQAB' };
		const broken = { kty: 'RSA', kid: 'broken', use: 'sig', alg: 'RS256', e: 'AQAB' };
		const { encryption, es256 } = this.#decoys;
		return { keys: [future, broken, encryption.jwk, es256.jwk, ...published] };
	}

	/** The kids, for whoever looks at the state. */
	summary() {
		return {
			signing: this.signing.kid,
			published: this.#keys.filter((key) => key.published).map((key) => key.kid)
		};
	}

	/**
	 * One step of a rotation. In the order publish, sign, drop it is what relying parties are promised; in another order
	 * it is what happens to them.
	 * @param {'publish' | 'sign' | 'drop'} step
	 */
	async rotate(step) {
		const newest = this.#keys[this.#keys.length - 1] ?? this.signing;
		if (step === 'publish') {
			const key = newest.published ? await this.#add() : newest;
			key.published = true;
		} else if (step === 'sign') {
			this.signing = newest === this.signing ? await this.#add() : newest;
		} else {
			for (const key of this.#keys) if (key !== this.signing) key.published = false;
		}
	}

	/** Back to one published key, the first. */
	reset() {
		this.#keys.length = 1;
		this.signing = /** @type {Key} */ (this.#keys[0]);
		this.signing.published = true;
	}

	/**
	 * A token with these claims, forged as asked.
	 * @param {Record<string, unknown>} claims
	 * @param {Record<string, unknown>} header
	 * @param {Forgery} forgery
	 * @param {{ clientSecret: string, accessToken?: string }} known
	 */
	sign(claims, header, forgery, { clientSecret, accessToken = '' }) {
		const signer = signers[forgery.key ?? 'own']({
			own: this.signing,
			outsider: this.#outsider,
			...this.#decoys,
			clientSecret
		});
		const hashed = forgery.at_hash === 'wrong' ? `not ${accessToken}` : accessToken;
		const changedClaims = changed(
			{ ...claims, ...(forgery.at_hash === undefined ? {} : { at_hash: halfHash(hashed) }) },
			forgery
		);
		const changedHeader = changed({ ...header, ...signer.header }, forgery.header ?? {});
		const input = `${encoded(changedHeader)}.${encoded(changedClaims)}`;
		return `${input}.${signer.sign(input).toString('base64url')}`;
	}

	async #add() {
		const key = await newKey('RS256', 'sig');
		key.published = false;
		this.#keys.push(key);
		return key;
	}
}

/**
 * @typedef {object} Signers
 * @property {Key} own
 * @property {Key} outsider
 * @property {Key} encryption
 * @property {Key} es256
 * @property {string} clientSecret
 */

/**
 * @typedef {object} Signer
 * @property {Record<string, unknown>} header
 * @property {(input: string) => Buffer} sign
 */

export const signers = {
	/** @param {Signers} keys @returns {Signer} */
	own: ({ own }) => rs256(own, own.kid),
	/** @param {Signers} keys @returns {Signer} */
	other: ({ own, outsider }) => rs256(outsider, own.kid),
	/** @param {Signers} keys @returns {Signer} */
	unknown: ({ outsider }) => rs256(outsider, outsider.kid),
	/** @param {Signers} keys @returns {Signer} */
	embedded: ({ outsider }) => {
		const signer = rs256(outsider, outsider.kid);
		return { ...signer, header: { ...signer.header, jwk: outsider.jwk } };
	},
	/** @param {Signers} keys @returns {Signer} */
	encryption: ({ encryption }) => rs256(encryption, encryption.kid),
	/** @param {Signers} keys @returns {Signer} */
	es256: ({ es256 }) => ({
		header: { alg: 'ES256', kid: es256.kid },
		sign: (input) =>
			signBytes('sha256', Buffer.from(input), { key: es256.privateKey, dsaEncoding: 'ieee-p1363' })
	}),
	/** @returns {Signer} */
	none: () => ({ header: { alg: 'none', kid: undefined }, sign: () => Buffer.alloc(0) }),
	/** @param {Signers} keys @returns {Signer} */
	hs256_public_key: ({ own }) => {
		const pem = createPublicKey(own.privateKey).export({ type: 'spki', format: 'pem' });
		return hs256(pem, own.kid);
	},
	/** @param {Signers} keys @returns {Signer} */
	hs256_client_secret: ({ clientSecret }) => hs256(clientSecret),
	/** @param {Signers} keys @returns {Signer} */
	damaged: ({ own }) => {
		const signer = rs256(own, own.kid);
		return {
			...signer,
			sign: (input) => {
				const signature = signer.sign(input);
				signature[0] = (signature[0] ?? 0) ^ 1;
				return signature;
			}
		};
	}
};

/**
 * Claims, or any other object, with members changed and members gone.
 * @param {Record<string, unknown>} members
 * @param {{ set?: Record<string, unknown>, remove?: string[] }} change
 */
export function changed(members, { set = {}, remove = [] }) {
	const result = { ...members, ...set };
	for (const name of remove) delete result[name];
	return result;
}

/**
 * @param {Key} key
 * @param {string} kid
 * @returns {Signer}
 */
function rs256(key, kid) {
	return {
		header: { alg: 'RS256', kid },
		sign: (input) => signBytes('sha256', Buffer.from(input), key.privateKey)
	};
}

/**
 * @param {string | Buffer} secret
 * @param {string} [kid]
 * @returns {Signer}
 */
function hs256(secret, kid) {
	return {
		header: { alg: 'HS256', kid },
		sign: (input) => createHmac('sha256', secret).update(input).digest()
	};
}

/**
 * @param {string} alg
 * @param {'sig' | 'enc'} use
 * @returns {Promise<Key>}
 */
async function newKey(alg, use) {
	const { privateKey, publicKey } =
		alg === 'ES256'
			? await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
			: await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
	const kid = randomBytes(8).toString('hex');
	const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use };
	return { kid, alg, privateKey, jwk, published: true };
}

/**
 * What `at_hash` is (OIDC Core §3.1.3.6).
 * @param {string} text
 */
function halfHash(text) {
	return createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
}

/** @param {unknown} value */
function encoded(value) {
	return Buffer.from(JSON.stringify(value)).toString('base64url');
}
