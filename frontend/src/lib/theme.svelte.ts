/** The person's choice of theme. `static/theme.js` applies it before the first paint, under the same key. */
const key = 'paseport.theme';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

class ThemeChoice {
	#chosen = $state<Theme>(stored());

	get chosen(): Theme {
		return this.#chosen;
	}

	set chosen(theme: Theme) {
		this.#chosen = theme;
		if (theme === 'system') delete document.documentElement.dataset.theme;
		else document.documentElement.dataset.theme = theme;
		try {
			if (theme === 'system') localStorage.removeItem(key);
			else localStorage.setItem(key, theme);
		} catch {
			// Storage may be forbidden: the choice then lasts as long as the page.
		}
	}
}

function stored(): Theme {
	const current = document.documentElement.dataset.theme;
	return current === 'light' || current === 'dark' ? current : 'system';
}

export const theme = new ThemeChoice();
