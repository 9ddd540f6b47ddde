declare global {
	namespace App {
		interface Error {
			/** The stable code of the problem behind the page, where there is one. */
			code?: string;
			requestId?: string | null;
		}
	}
}

export {};
