/** What JSON leaves as it is although a terminal, or a reader that splits lines, would act on it. */
const UNSAFE = /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A value as one line of JSON without its newline, safe to show; it reads back the same. */
export const jsonLine = (value: object): string => JSON.stringify(value).replace(UNSAFE, escaped);
