/**
 * The server's time. Deadlines are the server's, and a buyer's clock may be minutes off; every answer's `Date` says by
 * how much. It counts whole seconds, so differences below two are taken for none.
 */

const TOLERANCE_MS = 2_000;
let offsetMs = 0;

export function observeServerDate(header: string | null): void {
  const server = header === null ? NaN : Date.parse(header);
  if (Number.isNaN(server)) return;
  const difference = server - Date.now();
  offsetMs = Math.abs(difference) < TOLERANCE_MS ? 0 : difference;
}

/** Epoch milliseconds by the server's clock. */
export function serverNow(): number {
  return Date.now() + offsetMs;
}
