import { call } from './http';
import type { Channel, CursorPage, Order, OrderCreated, OrderPayment, OrderRequest } from './types';

function path(orderNo: string, rest = ''): string {
  return `/api/orders/${encodeURIComponent(orderNo)}${rest}`;
}

export const ordersApi = {
  /** The same key gives the same order, however often it is sent. */
  create(request: OrderRequest, idempotencyKey: string): Promise<OrderCreated> {
    return call('POST', '/api/orders', { body: request, headers: { 'idempotency-key': idempotencyKey } });
  },

  list(cursor?: string): Promise<CursorPage<Order>> {
    return call('GET', '/api/orders', { query: { cursor } });
  },

  get(orderNo: string): Promise<Order> {
    return call('GET', path(orderNo));
  },

  /** Where to pay, for a page that did not place the order itself. */
  payment(orderNo: string): Promise<OrderPayment> {
    return call('GET', path(orderNo, '/payment'));
  },

  cancel(orderNo: string): Promise<Order> {
    return call('POST', path(orderNo, '/cancel'));
  },

  /** A fresh token for the order's WebSocket. */
  channel(orderNo: string): Promise<Channel> {
    return call('POST', path(orderNo, '/channel'));
  },

  qrcodeUrl(orderNo: string): string {
    return path(orderNo, '/qrcode');
  },
};
