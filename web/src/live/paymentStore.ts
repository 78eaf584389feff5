import type { Payment } from '@/api/types';

/** How this tab's orders can be paid, as their creation answered it, so that a reload keeps the links. */

const PREFIX = 'kessai.payment.';

export function rememberPayment(orderNo: string, payment: Payment): void {
  try {
    sessionStorage.setItem(PREFIX + orderNo, JSON.stringify(payment));
  } catch {
    // Without it the QR code is still there.
  }
}

export function recallPayment(orderNo: string): Payment | undefined {
  try {
    return (JSON.parse(sessionStorage.getItem(PREFIX + orderNo) ?? 'null') as Payment | null) ?? undefined;
  } catch {
    return undefined;
  }
}
