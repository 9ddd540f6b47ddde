import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('.', import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
	.filter(
		(file) => /\.(svelte|ts|html)$/.test(file) && !file.endsWith('.test.ts') && !file.includes('generated')
	)
	.map((file) => ({ file: relative(root, join(root, file)), text: readFileSync(join(root, file), 'utf8') }));

/** Rules that reviews would repeat: what may stand where, and why. */
const rules: { rule: string; pattern: RegExp; except?: string[] }[] = [
	{
		rule: 'text from people is never markup (BF-14)',
		pattern: /\{@html|\.(?:innerHTML|outerHTML)\b|insertAdjacentHTML|document\.write/
	},
	{
		rule: 'only the client calls fetch',
		pattern: /\bfetch\(|XMLHttpRequest|EventSource|WebSocket|sendBeacon/,
		except: ['lib/api/client.ts', 'lib/api/index.ts']
	},
	{
		rule: 'only the theme is kept in storage; a token never is (BF-01)',
		pattern: /localStorage|sessionStorage|indexedDB|document\.cookie/,
		except: ['lib/theme.svelte.ts']
	},
	{ rule: 'nothing is written to the console', pattern: /\bconsole\./ },
	{ rule: 'nothing is evaluated', pattern: /\beval\(|new Function\(/ },
	{ rule: 'no inline style attribute, which the content security policy refuses', pattern: /\sstyle="/ },
	{ rule: 'nothing comes from another host', pattern: /https?:\/\/(?!app\.invalid)/ }
];

describe('the sources', () => {
	it('are found', () => {
		expect(sources.length).toBeGreaterThan(40);
	});

	it.each(rules)('$rule', ({ pattern, except = [] }) => {
		const offenders = sources.filter(({ file, text }) => pattern.test(text) && !except.includes(file));
		expect(offenders.map(({ file }) => file)).toEqual([]);
	});
});
