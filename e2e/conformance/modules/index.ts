/** Every module, plan by plan. */
import { basicModules } from './basic';
import { configModules } from './config';
import { fapi2Modules } from './fapi2';
import { logoutModules } from './logout';
import type { Module } from './module';

export const modules: readonly Module[] = [
	...basicModules,
	...configModules,
	...logoutModules,
	...fapi2Modules
];

export function moduleNamed(name: string): Module {
	const found = modules.find((module) => module.name === name);
	if (!found) throw new Error(`no module is called ${name}`);
	return found;
}
