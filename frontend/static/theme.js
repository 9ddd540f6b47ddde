// Runs before the first paint, so that a chosen theme never flashes. Without a choice the style sheet follows the system.
(function () {
	var choice = null;
	try {
		choice = localStorage.getItem('paseport.theme');
	} catch {
		// Storage may be forbidden: then the system decides.
	}
	if (choice === 'light' || choice === 'dark') document.documentElement.dataset.theme = choice;
})();
