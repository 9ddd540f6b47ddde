import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

const {
	CHROMIUM: chromium,
	HEADLESS_CHROMIUM,
	CI,
	PASEPORT_E2E_DIVIDED: divided,
	PASEPORT_E2E_STACK: stack,
	PASEPORT_E2E_TRACE: trace
} = process.env;
if (!chromium) throw new Error('CHROMIUM must name the browser. `make e2e` finds or installs one.');

export default defineConfig({
	testDir: 'tests',
	// The account of the command line exists in the embedded mode alone.
	...(stack ? { grepInvert: /@embedded/ } : {}),
	globalSetup: './support/start-paseport.ts',
	outputDir: stack ? 'test-results/stack' : 'test-results/embedded',
	// One picture per page, theme and size. `npm run test:update-screenshots` draws them anew; look at them before you commit.
	snapshotPathTemplate: 'screenshots/{arg}-{projectName}{ext}',
	// Text is drawn by the operating system: the committed pictures are of Linux with the DejaVu fonts (support/fonts.conf).
	ignoreSnapshots: process.platform !== 'linux',
	updateSnapshots: 'none',
	// The journeys of a file follow each other. Those of two files share the installation, and each has people of its own.
	workers: stack ? 3 : 2,
	// A journey that passes at the second try hides a fault; only the machine excuses it (support/standstill.ts).
	retries: 2,
	forbidOnly: CI === 'true',
	// Some go through every page. What is promised in seconds is waited for with that many.
	timeout: 180_000,
	expect: {
		timeout: 10_000,
		// Another build of Chromium may shade the edges of letters a little differently.
		toHaveScreenshot: { maxDiffPixelRatio: 0.01, animations: 'disabled', caret: 'hide', scale: 'css' }
	},
	reporter: [['list'], ['html', { open: 'never' }]],
	use: {
		browserName: 'chromium',
		locale: 'en-GB',
		timezoneId: 'UTC',
		// The DOM of every step costs a sixth of the time, so it is for whoever asks; what failed is pictured anyway.
		trace: trace ? { mode: 'retain-on-failure', screenshots: false, snapshots: true, sources: true } : 'off',
		// On a phone things move; elsewhere nothing does, which saves a tenth of the time.
		contextOptions: { reducedMotion: 'reduce' },
		screenshot: 'only-on-failure',
		actionTimeout: 10_000,
		navigationTimeout: 20_000,
		launchOptions: {
			executablePath: HEADLESS_CHROMIUM || chromium,
			// --no-sandbox: containers and CI run as root; the browser opens nothing but the app under test.
			args: [
				'--no-sandbox',
				'--disable-gpu',
				'--no-first-run',
				'--disable-background-networking',
				'--disable-component-update',
				'--disable-sync',
				'--force-color-profile=srgb',
				'--font-render-hinting=none'
			],
			env: {
				...definedOnly(process.env),
				FONTCONFIG_FILE: fileURLToPath(new URL('support/fonts.conf', import.meta.url))
			}
		}
	},
	projects: [
		{
			name: 'desktop',
			// How pages look and whom they keep out is judged once, on the embedded mode, which in turn lacks the parts that
			// `stack` is about.
			testIgnore: stack ? ['stack/**', '**/screenshots.spec.ts', '**/accessibility.spec.ts'] : 'stack/**',
			// Beside a run on the production topology (tools/run-e2e.sh) this size has what that one leaves out.
			...(divided && !stack ? { grep: /@embedded|(?:screenshots|accessibility)\.spec\.ts/ } : {}),
			use: { viewport: { width: 1280, height: 800 } }
		},
		stack
			? // What takes a part away from everybody waits until the others are through. Nothing excuses it: that nobody is
				// signed out holds however slow the machine is.
				{ name: 'alone', testDir: 'tests/stack', dependencies: ['desktop'], retries: 0 }
			: {
					name: 'phone',
					testIgnore: 'stack/**',
					// The people in the pictures have the same names on both sizes.
					dependencies: ['desktop'],
					// The journeys are the same on every size; here run those that the size changes.
					grep: /@phone/,
					use: {
						viewport: { width: 390, height: 844 },
						isMobile: true,
						hasTouch: true,
						contextOptions: { reducedMotion: 'no-preference' }
					}
				}
	]
});

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
	return Object.fromEntries(
		Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
	);
}
