import { describe, expect, it } from 'vitest';
import { roleProblem, rolesIn } from './roles';
import { emailProblem, passwordProblem, usernameProblem } from './rules';
import { filterFrom, queryFrom } from './user-filter';

describe('the grammar of roles', () => {
	it.each(['A', 'Admin', 'billing.read', 'a_b-c.d9', `R${'x'.repeat(63)}`])('%s is a role', (role) => {
		expect(roleProblem(role, [])).toBeNull();
	});

	it.each(['', '9lives', '-x', '.x', '_x', 'a b', 'a,b', 'a/b', 'ä', 'a\n', 'a:b', `R${'x'.repeat(64)}`])(
		'%j is none',
		(role) => {
			expect(roleProblem(role, [])).not.toBeNull();
		}
	);

	it('knows capitals from small letters', () => {
		expect(roleProblem('admin', ['Admin'])).toBeNull();
		expect(roleProblem('Admin', ['Admin'])).toBe('Admin is already in the list.');
	});

	it('allows 32 of them', () => {
		const many = Array.from({ length: 32 }, (_, index) => `r${index}`);
		expect(roleProblem('one', many.slice(1))).toBeNull();
		expect(roleProblem('one', many)).toBe('A user has at most 32 roles.');
	});

	it('splits what was pasted', () => {
		expect(rolesIn(' Admin, User;\tbilling.read\n\n')).toEqual(['Admin', 'User', 'billing.read']);
	});
});

describe('the password rule', () => {
	it('counts 15 characters after NFKC', () => {
		expect(passwordProblem('x'.repeat(14))).toBe('Use at least 15 characters (14 now).');
		expect(passwordProblem('x'.repeat(15))).toBeNull();
		expect(passwordProblem('😀'.repeat(15))).toBeNull();
		// U+FDFA is one character that NFKC makes eighteen.
		expect(passwordProblem('\ufdfa')).toBeNull();
		expect(passwordProblem('x'.repeat(1025))).toBe('Use at most 1024 characters.');
	});

	it('refuses the own name and address', () => {
		expect(passwordProblem('i am Somebody-else ok', ['somebody-else'])).not.toBeNull();
		expect(passwordProblem('correct horse battery', ['', 'x@example.org'])).toBeNull();
	});
});

describe('user names and addresses', () => {
	it.each(['jo', 'jo.doe', 'Zoë', ' jo '])('%j is a user name', (name) => {
		expect(usernameProblem(name)).toBeNull();
	});

	it.each(['', ' ', 'a@b', 'a b', 'a\u0000b', 'a\u200bb', 'x'.repeat(65)])('%j is none', (name) => {
		expect(usernameProblem(name)).not.toBeNull();
	});

	it('knows the shape of an e-mail address', () => {
		expect(emailProblem('jo@example.org')).toBeNull();
		for (const wrong of ['', 'jo', '@example.org', 'jo@', 'a b@c', 'a@b@c'])
			expect(emailProblem(wrong)).not.toBeNull();
	});
});

describe('the filter of the user list in the address', () => {
	it('is read back as it was written', () => {
		const filter = { search: 'a & b', role: 'Admin', status: 'disabled', sort: '-created_at' } as const;
		expect(filterFrom(queryFrom(filter))).toEqual(filter);
	});

	it('is short where nothing is chosen, and ignores what it does not know', () => {
		const filter = filterFrom(new URLSearchParams('status=maybe&sort=password&x=1'));
		expect(filter).toEqual({ search: '', role: '', status: '', sort: 'username' });
		expect(queryFrom(filter).toString()).toBe('');
	});
});
