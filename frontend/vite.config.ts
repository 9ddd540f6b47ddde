import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import type { ProxyOptions } from 'vite';
import { defineConfig } from 'vitest/config';

const backend = 'http://localhost:8080';

/** Paths that belong to the issuer and the api; the app must never own one of them. */
const backendPrefixes = [
	'/auth/',
	'/users/v1',
	'/clients/',
	'/keys/',
	'/me/',
	'/audit/',
	'/oauth2/',
	'/device',
	'/userinfo',
	'/.well-known/',
	'/internal',
	'/metrics',
	'/health',
	'/openapi.json',
	'/api/',
	'/forward-auth',
	'/auth-request',
	'/ext-authz',
	'/verifiers/'
];

const toBackend: ProxyOptions = {
	target: backend,
	changeOrigin: true,
	// The back end refuses unsafe cookie requests from any origin but its own.
	headers: { origin: backend },
	// A sign-in leads through the back end's own address: the browser stays at this one.
	configure: (proxy) =>
		proxy.on('proxyRes', ({ headers }) => {
			if (headers.location?.startsWith(`${backend}/`))
				headers.location = headers.location.slice(backend.length);
		})
};

export default defineConfig({
	plugins: [tailwindcss(), sveltekit()],
	build: { sourcemap: false },
	environments: {
		client: {
			// What three pages use is one script: the first page asks for a dozen files, not for thirty-three.
			build: {
				rolldownOptions: {
					output: { codeSplitting: { groups: [{ name: 'shared', minShareCount: 3 }] } }
				}
			}
		}
	},
	server: { proxy: Object.fromEntries(backendPrefixes.map((prefix) => [prefix, toBackend])) },
	test: {
		include: ['src/**/*.test.ts'],
		environment: 'node'
	}
});
