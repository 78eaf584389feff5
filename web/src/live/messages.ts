import type { OrderUpdate } from '@/api/types';

/** What the order WebSocket sends; design of the channel: docs/openapi.yaml, `GET /ws/orders`. */
export type ServerMessage = { type: 'SNAPSHOT' | 'ORDER_UPDATED'; order: OrderUpdate } | { type: 'PONG' };

export const CLOSE_BAD_TOKEN = 4401;
export const CLOSE_NO_SUCH_ORDER = 4404;

/** Parses a frame; undefined for what this page does not know, so that the server may say more later. */
export function parseServerMessage(frame: unknown): ServerMessage | undefined {
  if (typeof frame !== 'string') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (value['type'] === 'PONG') return { type: 'PONG' };
  if (value['type'] !== 'SNAPSHOT' && value['type'] !== 'ORDER_UPDATED') return undefined;
  const order = value['order'];
  if (!isObject(order) || typeof order['orderNo'] !== 'string') return undefined;
  if (typeof order['status'] !== 'string' || typeof order['version'] !== 'number') return undefined;
  return { type: value['type'], order: order as unknown as OrderUpdate };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
