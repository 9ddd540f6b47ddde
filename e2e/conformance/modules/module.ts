/** One module of a plan of the OpenID Foundation's conformance suite, or one of ours, as something that can be run. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '../support/session';

export type Plan = 'Basic OP' | 'Config OP' | 'RP-Initiated Logout OP' | 'FAPI 2';

export interface Module {
	/** The name that the module has there. */
	readonly name: string;
	readonly plan: Plan;
	/** What a conforming provider does, in a sentence. */
	readonly promise: string;
	/**
	 * Throws `Nonconformance` where the provider does not keep the promise. Where the plan lets a provider do without, and
	 * this one does, it checks that the refusal is the right one, and says what was not offered.
	 */
	run(session: Session, wait: Wait): Promise<string | void>;
}

/** Let seconds pass. */
export type Wait = (seconds: number) => Promise<void>;

export const realWait: Wait = async (seconds) => {
	await pause(seconds * 1000);
};
