/** How long to wait before the next try: exponential, with half of it random, so that many pages do not come back at once. */

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** @param attempt failures in a row so far, from 0. @param random in [0, 1). @returns milliseconds. */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt);
  return Math.round(ceiling / 2 + random() * (ceiling / 2));
}
