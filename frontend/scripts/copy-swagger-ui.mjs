// Puts Swagger UI's own files beside our page, so that nothing is loaded from another host.
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const files = [
	'swagger-ui.css',
	'swagger-ui-bundle.js',
	'swagger-ui-standalone-preset.js',
	'favicon-32x32.png'
];

const from = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const to = join(dirname(fileURLToPath(import.meta.url)), '..', 'static', 'swagger-ui');

mkdirSync(to, { recursive: true });
for (const file of files) copyFileSync(join(from, file), join(to, file));
