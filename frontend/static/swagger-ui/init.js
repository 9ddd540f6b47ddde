/* global SwaggerUIBundle, SwaggerUIStandalonePreset */
SwaggerUIBundle({
	dom_id: '#swagger-ui',
	urls: [
		{ name: 'Issuer', url: '/openapi.json' },
		{ name: 'API', url: '/api/openapi.json' }
	],
	presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
	layout: 'StandaloneLayout',
	deepLinking: true,
	// The default validator would send the document's address to a host that is not ours.
	validatorUrl: null,
	// A token typed under "Authorize" is gone with the page.
	persistAuthorization: false,
	// Cookie routes refuse an unsafe request without it.
	requestInterceptor: (request) => {
		if (!['GET', 'HEAD', 'OPTIONS'].includes(request.method ?? 'GET')) request.headers['X-CSRF'] = '1';
		return request;
	}
});
