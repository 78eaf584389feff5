import type { Order, OrderStatus } from '@/api/types';

/** Nothing that the buyer does changes such an order any more. */
export const FINAL_STATUSES = ['PAID', 'FAILED', 'REFUNDED'] as const satisfies readonly OrderStatus[];
export type FinalStatus = (typeof FINAL_STATUSES)[number];

export function isFinal(status: OrderStatus): status is FinalStatus {
  return (FINAL_STATUSES as readonly OrderStatus[]).includes(status);
}

/** Yen left to pay by PayPay after what the balance covered. */
export function payableOf(order: Pick<Order, 'amount' | 'balanceAmount'>): number {
  return order.amount - (order.balanceAmount ?? 0);
}
