/** What a module says when a provider does not conform. Nothing else counts as a red module's reason. */
export class Nonconformance extends Error {
	override readonly name = 'Nonconformance';
}

/** Throw where `holds` is false. `rule` says in a sentence what the provider must do, with its source. */
export function check(holds: unknown, rule: string, found?: unknown): asserts holds {
	if (holds) return;
	throw new Nonconformance(found === undefined ? rule : `${rule} Found: ${shown(found)}`);
}

function shown(value: unknown): string {
	return (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 500);
}
