import adapter from '@sveltejs/adapter-static';

/** @type {import('@sveltejs/kit').Config} */
const config = {
	compilerOptions: { runes: true },
	kit: {
		// One page for every address that the server does not reserve for the back end.
		adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html', strict: true }),
		csp: {
			// 'hash', because the one inline script (the start of the app) is known when it is built.
			// frame-ancestors is ignored in a <meta>: the server sends it as a header.
			mode: 'hash',
			directives: {
				'default-src': ['none'],
				'script-src': ['self'],
				// The hash is that of one style attribute, the router's live region (an element nobody sees), and of nothing else.
				'style-src': ['self', 'unsafe-hashes', 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='],
				'img-src': ['self', 'data:'],
				'connect-src': ['self'],
				'manifest-src': ['self'],
				'form-action': ['self'],
				'base-uri': ['none'],
				'object-src': ['none'],
				// Text that reaches the page as markup is refused by the browser itself (Svelte's own templates have this policy's name).
				'require-trusted-types-for': ['script'],
				'trusted-types': ['svelte-trusted-html']
			}
		},
		serviceWorker: { register: false }
	}
};

export default config;
