/**
 * Upstream identity providers for tests: `node upstream/serve.js <configuration.json>`.
 *
 * Three servers on 127.0.0.1, in one process:
 * - an OpenID Provider over https, the npm package `oidc-provider`: authorization code with S256 (required), `iss` in each
 *   answer (RFC 9207), form_post, userinfo, RP-initiated and back-channel logout, RS256, and in its document of keys some
 *   that are of no use. It has a page to sign in at, which works in a browser and for a program that posts forms.
 * - an OAuth 2.0 server over https in the shape of GitHub's (github.js).
 * - a control port over http, which says what both do wrong from now on.
 *
 * The configuration is a JSON file:
 *   certificate, key    paths of PEM files for `localhost`
 *   port, github_port, control_port    0, or left out: a free one
 *   clients             confidential ones, which both servers know (oidc.js: Client)
 *   accounts            of the OpenID Provider (oidc.js: Account)
 *   password            of accounts that are added without one; where there is none, nobody signs in as them
 *   members             of the other one (github.js: Member)
 *
 * When all of them answer, one line of JSON is printed: {"issuer", "github", "control"}, addresses without a slash at the
 * end. It ends on SIGTERM, and where standard input is a pipe it ends with that.
 *
 * The control port speaks JSON; what it does not understand is answered with 422 and a reason:
 *   PUT  /__control                what goes wrong from now on, and nothing else; {} is to do right. Members:
 *                                  `discovery`, `jwks`, `token`, `userinfo`, `github_token`, `github_user`,
 *                                  `github_emails`: answers that are changed, late, large … (behaviour.js: Wrong);
 *                                  `id_token`: how ID tokens are forged (keys.js: Forgery, and `times`);
 *                                  `decoys`: false leaves the useless keys out, `kids`: false every `kid`
 *   GET  /__control                what goes wrong at this time, and the ids of the keys
 *   GET  /__control/requests       all requests since the last reset (behaviour.js: Seen)
 *   POST /__control/keys           {"step": "publish" | "sign" | "drop"}: one step of a rotation, in any order
 *   PUT  /__control/accounts/{sub} claims and password that change; an unknown account is added
 *   PUT  /__control/members/{id}   the same for the other server
 *   POST /__control/clients        a client, new or changed
 *   POST /__control/logout-token   {"client_id", "sub", "sid", and what is forged} → {"logout_token"}
 *   POST /__control/reset          do right, with the accounts and the key of the beginning and nobody signed in; clients
 *                                  stay
 */
import { once } from 'node:events';
import { fstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { Behaviour } from './behaviour.js';
import { control } from './control.js';
import { GitHubLike } from './github.js';
import { KeyRing } from './keys.js';
import { OpenIdProvider } from './oidc.js';

// Standard output has one line, and it is ours.
console.info = console.error;

const [path] = process.argv.slice(2);
if (path === undefined) {
	console.error('usage: node upstream/serve.js <configuration.json>');
	process.exit(2);
}
const configuration = JSON.parse(await readFile(path, 'utf8'));
const { clients = [], accounts = [], members = [], password = '' } = configuration;
const [cert, key, keys] = await Promise.all([
	readFile(configuration.certificate),
	readFile(configuration.key),
	KeyRing.create()
]);

const oidcServer = createSecureServer({ cert, key });
const githubServer = createSecureServer({ cert, key });
const controlServer = createServer();
const issuer = `https://localhost:${await listen(oidcServer, configuration.port)}`;
const githubPort = await listen(githubServer, configuration.github_port);

const behaviour = new Behaviour();
const provider = new OpenIdProvider(issuer, keys, behaviour, { accounts, clients, password });
const github = new GitHubLike(behaviour, { members, clients });
oidcServer.on('request', (request, response) => provider.serve(request, response));
githubServer.on('request', (request, response) => github.serve(request, response));
controlServer.on('request', control(behaviour, provider, github));
// Last: when it answers, everything does.
const controlPort = await listen(controlServer, configuration.control_port);

process.on('SIGTERM', () => process.exit(0));
const input = fstatSync(0);
if (input.isFIFO() || input.isSocket()) process.stdin.resume().on('end', () => process.exit(0));

console.log(
	JSON.stringify({
		issuer,
		github: `https://localhost:${githubPort}`,
		control: `http://127.0.0.1:${controlPort}`
	})
);

/**
 * @param {import('node:net').Server} server
 * @param {number} [port]
 */
async function listen(server, port = 0) {
	await once(server.listen(port, '127.0.0.1'), 'listening');
	return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}
