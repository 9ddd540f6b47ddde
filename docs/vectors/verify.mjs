// Verifies Paseport access tokens with a PASETO library for JavaScript, and holds the result against the vectors:
//   npm install paseto@4.0.1 && node verify.mjs access-tokens.json
// docs/verify-anywhere.md explains each step. Node 20.19 or newer.

import { readFile } from 'node:fs/promises'
import { argv, exit } from 'node:process'
import { PublicProtocol } from 'paseto'
import { ImportPublicKeyFactory, VerifyFactory } from 'paseto/v4/public'

const v4 = new PublicProtocol(ImportPublicKeyFactory, VerifyFactory)

class Refused extends Error {}

const check = (holds, stage) => {
  if (!holds) throw new Refused(stage)
}

// Node decodes base64url leniently; spelling the bytes again shows whether there was another way to spell them.
const decoded = (text) => {
  const bytes = Buffer.from(text, 'base64url')
  check(bytes.toString('base64url') === text, 'form')
  return bytes
}

// 1. The form: one token has one spelling. Nothing is looked up or decoded for anything else.
function keyIdOf(token) {
  check(token.length <= 4096 && /^v4\.public\.[\w-]+\.[\w-]+$/.test(token) && !token.endsWith('\n'), 'form')
  const [, , payload, footer] = token.split('.')
  check(decoded(payload).length > 64, 'form')
  const kid = /^\{"kid":"(k4\.pid\.[\w-]{44})"\}$/.exec(decoded(footer).toString('latin1'))
  check(kid !== null, 'form')
  return kid[1]
}

// 2. The key that the footer names, and no other.
function keyOf(kid, document, now) {
  const key = document.keys.find((candidate) => candidate.kid === kid)
  check(key && ['published', 'active', 'retiring'].includes(key.status), 'key')
  check(key.not_after === null || now < Date.parse(key.not_after), 'key')
  return key
}

// 3. The signature: what the library is for. It checks times as well, with a tolerance that step 4 does not give to exp.
async function verified(token, paserk, trusted) {
  const key = await v4.ImportPublicKey(paserk)
  const options = { now: new Date(trusted.now), clockTolerance: trusted.leewaySeconds }
  try {
    return (await v4.Verify(key, token, options)).claims
  } catch {
    throw new Refused('signature, claims or time')
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const isText = (value) => typeof value === 'string' && value !== ''
const isAbsentOr = (is, value) => value === undefined || is(value)

// 4. The claims: that it is an access token, of this issuer, for this service, now.
function checkClaims(claims, { issuer, audience, now, leewaySeconds, maxLifetimeSeconds }) {
  check(claims.typ === 'access' && claims.iss === issuer && claims.aud === audience, 'claims')
  check([claims.sub, claims.jti, claims.client_id].every(isText) && typeof claims.scope === 'string', 'claims')
  check([claims.sid, claims.fid].every((value) => isAbsentOr(isText, value)), 'claims')
  check(isAbsentOr((ver) => Number.isSafeInteger(ver) && ver >= 0, claims.ver), 'claims')
  check([claims.exp, claims.nbf, claims.iat].every((time) => isText(time) && TIME.test(time)), 'time')
  const [exp, nbf, iat] = [claims.exp, claims.nbf, claims.iat].map(Date.parse)
  check(exp > now && nbf <= now + leewaySeconds * 1000 && iat <= now + leewaySeconds * 1000, 'time')
  check(exp > iat && exp - iat <= maxLifetimeSeconds * 1000, 'time')
  if (UUID.test(claims.sub)) {
    check(claims.sub === claims.sub.toLowerCase() && claims.fid !== undefined && claims.ver !== undefined, 'claims')
  } else {
    const ofUsers = [claims.sid, claims.fid, claims.ver, claims.auth_time, claims.amr]
    check(!/^[{]|^urn:uuid:/i.test(claims.sub) && ofUsers.every((value) => value === undefined), 'claims')
  }
}

// 5. Revocations: what the feed named so far.
function checkRevocations(claims, kid, revoked) {
  for (const item of revoked) {
    const subject = { jti: claims.jti, session: claims.sid, family: claims.fid, user: claims.sub, key: kid }[item.kind]
    check(subject !== item.subject || (item.kind === 'user' && claims.ver >= item.min_version), 'revocation')
  }
}

export async function verify(token, trusted) {
  const kid = keyIdOf(token)
  const key = keyOf(kid, trusted.document, trusted.now)
  const claims = await verified(token, key.paserk, trusted)
  checkClaims(claims, trusted)
  checkRevocations(claims, kid, trusted.revoked)
  return claims
}

const vectors = JSON.parse(await readFile(argv[2], 'utf8'))
const trusted = {
  issuer: vectors.issuer,
  audience: vectors.audience,
  now: Date.parse(vectors.now),
  leewaySeconds: vectors.leeway_seconds,
  maxLifetimeSeconds: vectors.max_lifetime_seconds,
  document: vectors.key_document,
  revoked: vectors.feed.changes,
}
let wrong = 0
for (const test of vectors.tests) {
  let verdict = 'accept'
  try {
    await verify(test.token, trusted)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    verdict = 'refuse'
  }
  if (verdict !== test.verdict) {
    wrong += 1
    console.error(`${test.name}: ${verdict} instead of ${test.verdict} (${test.about})`)
  }
}
console.log(`${vectors.tests.length} tokens, ${wrong} wrong verdicts`)
exit(wrong === 0 ? 0 : 1)
