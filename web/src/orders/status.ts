import type { Order, OrderStatus } from '@/api/types';

/** Nothing that the buyer does changes such an order any more. */
export const FINAL_STATUSES = ['PAID', 'FAILED', 'REFUNDED'] as const satisfies readonly OrderStatus[];
export type FinalStatus = (typeof FINAL_STATUSES)[number];

export const ORDER_STATUSES = ['PENDING', 'WAITING_PAYMENT', 'PAID', 'REFUNDED', 'FAILED'] as const satisfies readonly OrderStatus[];

export function isOrderStatus(text: string | undefined): text is OrderStatus {
  return (ORDER_STATUSES as readonly (string | undefined)[]).includes(text);
}

export function isFinal(status: OrderStatus): status is FinalStatus {
  return (FINAL_STATUSES as readonly OrderStatus[]).includes(status);
}

/** Yen left to pay by PayPay after what the balance covered. */
export function payableOf(order: Pick<Order, 'amount' | 'balanceAmount'>): number {
  return order.amount - (order.balanceAmount ?? 0);
}
