/** Every module against a provider. What it does not offer is noted, for docs/conformance.md. */
import { modules } from '../modules';
import { realWait } from '../modules/module';
import { test } from './suite';

for (const module of modules) {
	const annotation = [
		{ type: 'plan', description: module.plan },
		{ type: 'promise', description: module.promise }
	];
	test(module.name, { annotation }, async ({ session }, { annotations }) => {
		const notOffered = await module.run(session, realWait);
		if (notOffered) annotations.push({ type: 'not offered', description: notOffered });
	});
}
