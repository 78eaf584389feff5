import type { OrderRequest } from '@/api/types';

/**
 * The order that was sent and not answered yet. Its key goes with its content: the same content sent again, after a
 * double click, a reload or a lost connection, carries the same key and so makes the same order; other content gets
 * another key. In localStorage, so that a second tab with the same cart is no second order either.
 */
export interface Attempt {
  key: string;
  userId: string;
  request: OrderRequest;
  /** Epoch milliseconds. */
  startedAt: number;
}

const STORAGE_KEY = 'kessai.checkout';
/** An answer that did not come within a day is looked up in the order list, not by sending the order again. */
const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** The attempt to make now: the unanswered one if it asks for the same, else a new one. Kept before it is sent. */
export function beginAttempt(userId: string, request: OrderRequest, now = Date.now()): Attempt {
  const pending = pendingAttempt(userId, now);
  if (pending !== undefined && sameRequest(pending.request, request)) return pending;
  const attempt: Attempt = { key: crypto.randomUUID(), userId, request, startedAt: now };
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(attempt));
  } catch {
    // Without storage a reload loses the key; the caller still holds it for its own retries.
  }
  return attempt;
}

/** What this user sent and has no answer to. */
export function pendingAttempt(userId: string, now = Date.now()): Attempt | undefined {
  try {
    const attempt = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null') as Attempt | null;
    if (attempt === null || typeof attempt.key !== 'string' || attempt.userId !== userId) return undefined;
    return now - attempt.startedAt < LIFETIME_MS ? attempt : undefined;
  } catch {
    return undefined;
  }
}

/** The server has answered for good. */
export function endAttempt(key: string): void {
  try {
    const attempt = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? 'null') as Attempt | null;
    if (attempt?.key === key) localStorage.removeItem(STORAGE_KEY);
  } catch {
    // Nothing kept, nothing to end.
  }
}

export function sameRequest(one: OrderRequest, other: OrderRequest): boolean {
  return canonical(one) === canonical(other);
}

function canonical(request: OrderRequest): string {
  const items = request.items.map((item) => [item.productId, item.quantity]).sort((a, b) => Number(a[0]) - Number(b[0]));
  return JSON.stringify([items, request.useBalance === true]);
}
