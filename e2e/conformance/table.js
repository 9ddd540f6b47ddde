/**
 * Write docs/conformance.md from a run: `node conformance/table.js`. A column is filled by a run against that provider and
 * by nothing else; the others stay. With `--check` nothing is written: it fails where the page says anything else than the
 * run, or where something is red.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const resultsPath = fileURLToPath(new URL('../test-results/conformance.json', import.meta.url));
const pagePath = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url));
const notRun = 'not run yet';
/** The columns that runs fill, and whose run fills them. */
const providers = { 'oidc-provider': 'reference', Paseport: 'paseport' };
const files = /** @type {Record<string, string>} */ ({
	'Basic OP': 'basic',
	'Config OP': 'config',
	'RP-Initiated Logout OP': 'logout',
	'FAPI 2': 'fapi2'
});

/**
 * @typedef {{ type: string, description?: string }} Annotation
 * @typedef {{ projectName: string, status: string, annotations: Annotation[], results: { annotations: Annotation[] }[] }} Run
 * @typedef {{ title: string, file: string, tests: Run[] }} Spec
 * @typedef {{ specs?: Spec[], suites?: Suite[] }} Suite
 * @typedef {{ file: string, title: string, project: string, passed: boolean, told: Map<string, string> }} Result
 */

const isCheck = process.argv.includes('--check');
const results = resultsOf(/** @type {Suite} */ (JSON.parse(await readFile(resultsPath, 'utf8'))));
const page = await readFile(pagePath, 'utf8');
// Only a whole run has this test; what ran in part is no source for the list of modules.
const isWhole = results.some(({ title }) => title === 'every module has its broken issuer');
if (!isWhole && results.some(({ project }) => project === 'reference'))
	throw new Error('this was a part of the suite: run all of it');
const written = isWhole ? withModules(withParties(page, results), results) : withColumns(page, results);
const red = results.filter(({ passed }) => !passed);
for (const { project, title } of red) console.error(`red (${project}): ${title}`);
if (!isCheck) await writeFile(pagePath, written);
else if (written !== page)
	console.error('docs/conformance.md is not what ran. Write it: node conformance/table.js');
process.exitCode = red.length > 0 || (isCheck && written !== page) ? 1 : 0;

/**
 * @param {Suite} suite
 * @returns {Result[]}
 */
function resultsOf({ specs = [], suites = [] }) {
	const own = specs.flatMap(({ title, file, tests }) =>
		tests.map(({ projectName, status, annotations, results }) => {
			const told = [...annotations, ...(results.at(-1)?.annotations ?? [])];
			return {
				file,
				title,
				project: projectName,
				// "Flaky" is what the machine excuses.
				passed: status === 'expected' || status === 'flaky',
				told: new Map(told.map(({ type, description = '' }) => [type, description]))
			};
		})
	);
	return [...own, ...suites.flatMap(resultsOf)];
}

/**
 * The tables of the modules, from a run of the reference and its broken issuers.
 * @param {string} text
 * @param {Result[]} all
 */
function withModules(text, all) {
	const modules = all.filter(({ file, project }) => file === 'modules.spec.ts' && project === 'reference');
	const tables = Object.entries(files).map(([plan, file]) => {
		const rows = modules
			.filter(({ told }) => told.get('plan') === plan)
			.map((result) => {
				const { title, told } = result;
				const broken = all.filter(({ told }) => told.get('module') === title);
				const noticed = broken.filter(({ passed }) => passed).length;
				const cells = [cellOf(result, all), cellsOf(text, title)[1] ?? notRun];
				return `| ${title} | ${told.get('promise') ?? ''} | ${noticed} of ${broken.length} | ${cells.join(' | ')} |`;
			});
		return [
			`### ${plan}`,
			'',
			`Each is the test of its name in \`e2e/conformance/modules/${file}.ts\`.`,
			'',
			`| module | promise | broken issuers noticed | ${Object.keys(providers).join(' | ')} |`,
			'| --- | --- | --- | --- | --- |',
			...rows
		].join('\n');
	});
	return between(text, 'modules', tables.join('\n\n'));
}

/**
 * The table of the libraries.
 * @param {string} text
 * @param {Result[]} all
 */
function withParties(text, all) {
	const rows = all
		.filter(({ file, project }) => file === 'relying-parties.spec.ts' && project === 'reference')
		.map(
			(result) => `| ${result.title} | ${cellOf(result, all)} | ${cellsOf(text, result.title)[1] ?? notRun} |`
		);
	const head = [`| test | ${Object.keys(providers).join(' | ')} |`, '| --- | --- | --- |'];
	return between(text, 'relying parties', [...head, ...rows].join('\n'));
}

/**
 * The same page with the column of the one provider that was run.
 * @param {string} text
 * @param {Result[]} all
 */
function withColumns(text, all) {
	return text
		.split('\n')
		.map((line) => {
			const cells = line.replace(/ \|$/, '').split(' | ');
			Object.values(providers).forEach((project, at) => {
				const result = all.find(
					({ title, project: ran }) => line.startsWith(`| ${title} | `) && ran === project
				);
				if (result) cells[cells.length - Object.keys(providers).length + at] = cellOf(result, all);
			});
			return line.endsWith(' |') ? `${cells.join(' | ')} |` : line;
		})
		.join('\n');
}

/**
 * @param {Result} result
 * @param {Result[]} all
 */
function cellOf({ title, passed, told, project }, all) {
	const without = told.get('not offered');
	const narrow = all.find((other) => other.title === title && other.project === `narrow-${project}`);
	const lesser = narrow?.told.get('not offered');
	const notes = [
		...(without ? [`not offered: ${without}`] : []),
		...(narrow && lesser && lesser !== without ? [`also where it does not offer ${lesser}`] : [])
	];
	const isGreen = passed && narrow?.passed !== false;
	return `${isGreen ? 'passed' : '**failed**'}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

/**
 * What the page says of a title: one cell for each provider.
 * @param {string} text
 * @param {string} title
 */
function cellsOf(text, title) {
	const line = text.split('\n').find((line) => line.startsWith(`| ${title} | `)) ?? '';
	const cells = line.replace(/ \|$/, '').split(' | ');
	return line ? cells.slice(-Object.keys(providers).length) : [];
}

/**
 * @param {string} text
 * @param {string} name
 * @param {string} content
 */
function between(text, name, content) {
	const [start, end] = [`<!-- ${name}: written by e2e/conformance/table.js -->`, `<!-- end of ${name} -->`];
	const [before, rest] = text.split(start);
	const after = rest?.split(end)[1];
	if (before === undefined || after === undefined)
		throw new Error(`docs/conformance.md has no place for ${name}`);
	return `${before}${start}\n\n${content}\n\n${end}${after}`;
}
