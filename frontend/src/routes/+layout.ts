// A static app: the server sends one page, everything else happens in the browser.
export const ssr = false;
export const prerender = false;
export const trailingSlash = 'never';
