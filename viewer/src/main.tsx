// The start of the page.
export {};
