import { call } from './http';
import type { CursorPage, Order, OrderStatus, PaymentDetail, PaymentSummary, RefundRequest } from './types';

export interface PaymentQuery {
  status?: OrderStatus;
  orderNo?: string;
  /** ISO 8601; the first instant that counts. */
  from?: string;
  /** ISO 8601; the first instant that does not. */
  to?: string;
  cursor?: string;
}

const ROOT = '/api/admin/payments';

export const paymentsApi = {
  list(query: PaymentQuery, signal?: AbortSignal): Promise<CursorPage<PaymentSummary>> {
    return call('GET', ROOT, { query: { ...query }, signal });
  },

  get(orderNo: string, signal?: AbortSignal): Promise<PaymentDetail> {
    return call('GET', `${ROOT}/${encodeURIComponent(orderNo)}`, { signal });
  },

  /** In full. The order that comes back is `REFUNDED`; if PayPay did not answer, the worker goes on with it. */
  refund(orderNo: string, request: RefundRequest): Promise<Order> {
    return call('POST', `${ROOT}/${encodeURIComponent(orderNo)}/refund`, { body: request });
  },
};
