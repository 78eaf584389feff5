import type { Channel } from '@/api/types';

/** Channel tokens of this tab's orders: they outlive a reload and not the tab. */

const PREFIX = 'kessai.channel.';

export function rememberChannel(orderNo: string, channel: Channel): void {
  try {
    sessionStorage.setItem(PREFIX + orderNo, JSON.stringify(channel));
  } catch {
    // A full or forbidden storage only costs a fresh token after a reload.
  }
}

/** The token kept for an order, unless it has run out. @param now epoch milliseconds. */
export function recallChannel(orderNo: string, now: number): Channel | undefined {
  try {
    const channel = JSON.parse(sessionStorage.getItem(PREFIX + orderNo) ?? 'null') as Channel | null;
    return channel !== null && Date.parse(channel.expiresAt) > now ? channel : undefined;
  } catch {
    return undefined;
  }
}

export function forgetChannel(orderNo: string): void {
  try {
    sessionStorage.removeItem(PREFIX + orderNo);
  } catch {
    // As above.
  }
}
