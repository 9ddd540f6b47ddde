/** The grammar of roles: case-sensitive, the server checks it again. */
const grammar = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

export const maxRoles = 32;
export const builtInRoles = ['Admin', 'User'] as const;

/** Why `role` cannot be added to `roles`, or null where it can. */
export function roleProblem(role: string, roles: readonly string[]): string | null {
	if (role === '') return 'Type the name of a role.';
	if (roles.includes(role)) return `${role} is already in the list.`;
	if (roles.length >= maxRoles) return `A user has at most ${maxRoles} roles.`;
	if (role.length > 64) return 'A role has at most 64 characters.';
	if (!grammar.test(role))
		return 'A role starts with a letter and has only letters, digits and . _ - after it.';
	return null;
}

/** The roles of a pasted or typed text: separated by commas or white space, without empty ones. */
export function rolesIn(text: string): string[] {
	return text.split(/[\s,;]+/).filter((role) => role !== '');
}
