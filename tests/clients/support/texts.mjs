// What the clients send, so that they all ask the same.
export const PROMPT = 'Once upon a time';
export const TEXT = 'A fox met a crow. The crow had cheese. The fox sang, and the cheese fell.';
/** Tokens that `generate` is asked for. */
export const TOKENS = 8;
