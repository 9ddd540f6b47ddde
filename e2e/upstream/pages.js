/** The few pages of the providers: they work in a browser, and for a program that posts forms. */

/**
 * @param {string} title
 * @param {string} content HTML
 */
export function page(title, content) {
	return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title></head>
<body><main><h1>${escaped(title)}</h1>
${content}
</main></body>
</html>`;
}

/**
 * @param {string} action
 * @param {string} username what stands in the field already
 * @param {string} [problem]
 */
export function signInPage(action, username, problem) {
	return page(
		'Upstream provider',
		`${problem === undefined ? '' : `<p role="alert">${escaped(problem)}</p>`}
<form method="post" action="${escaped(action)}">
<p><label>User name <input name="username" autocomplete="username" value="${escaped(username)}" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Sign in</button> <button name="cancel" value="yes" formnovalidate>Cancel</button></p>
</form>`
	);
}

/** @param {string} form the form of `oidc-provider`, without a button */
export function signOutPage(form) {
	return page(
		'Upstream provider',
		`<p>Do you want to sign out here too?</p>${form}
<p><button form="op.logoutForm" name="logout" value="yes">Sign out</button> <button form="op.logoutForm">Stay</button></p>`
	);
}

/**
 * @param {string} action
 * @param {Record<string, string>} parameters
 * @param {string[]} logins
 */
export function chooseAccountPage(action, parameters, logins) {
	const hidden = Object.entries(parameters).map(
		([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`
	);
	const buttons = logins.map(
		(login) => `<p><button name="login" value="${escaped(login)}">Continue as ${escaped(login)}</button></p>`
	);
	return page(
		'Code hosting',
		`<form method="post" action="${escaped(action)}">
${[...hidden, ...buttons].join('\n')}
<p><button name="cancel" value="yes">Cancel</button></p>
</form>`
	);
}

/** @param {string} text */
function escaped(text) {
	return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
