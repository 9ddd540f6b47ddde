import { defineConfig } from '@playwright/test';
import type { Options } from './tests/suite';

/** The description of a running provider, to be driven instead of the reference. */
const named = process.env['PASEPORT_CONFORMANCE'];

export default defineConfig<object, Options>({
	testDir: 'tests',
	outputDir: '../test-results/conformance',
	globalSetup: './reference/start.ts',
	// Modules share nothing but the provider. Some of them wait for the time to pass, which costs no processor.
	fullyParallel: true,
	workers: 4,
	// A module that passes at the second try hides a fault; only the machine excuses it (support/standstill.ts).
	retries: 2,
	forbidOnly: process.env['CI'] === 'true',
	timeout: 60_000,
	reporter: [['dot'], ['json', { outputFile: '../test-results/conformance.json' }]],
	projects: named
		? [
				{
					name: 'paseport',
					testIgnore: 'broken.spec.ts',
					use: { variable: 'PASEPORT_CONFORMANCE' }
				}
			]
		: [
				{
					name: 'reference',
					testIgnore: 'broken.spec.ts',
					use: { variable: 'PASEPORT_CONFORMANCE_REFERENCE' }
				},
				{
					name: 'narrow-reference',
					testMatch: 'modules.spec.ts',
					// Those that end otherwise where a provider leaves something out.
					grep: /scope-(?:address|phone|all)|claims-essential|request-object/,
					use: { variable: 'PASEPORT_CONFORMANCE_NARROW' }
				},
				{ name: 'broken', testMatch: 'broken.spec.ts' }
			]
});
