import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { LocationQuery } from 'vue-router';
import type { PaymentQuery } from '@/api/payments';
import { isOrderStatus } from '@/orders/status';
import { queryText, writeQuery } from './queryText';

/** Which payments are shown is in the address. Days are the operator's own, `2026-11-22`, and both ends are shown. */
export function usePaymentQuery() {
  const route = useRoute();
  const router = useRouter();
  const query = computed(() => readPaymentQuery(route.query));

  /** Changes a part and goes back to the first page, unless the page is what changes. */
  function linkTo(part: Partial<PaymentQuery>) {
    return { name: 'payments', query: writeQuery({ ...query.value, cursor: undefined, ...part }) };
  }

  return { query, linkTo, change: (part: Partial<PaymentQuery>) => void router.push(linkTo(part)) };
}

/** What makes no sense is left out. */
export function readPaymentQuery(raw: LocationQuery): PaymentQuery {
  const text = (name: string, longest: number) => queryText(raw, name, longest);
  const day = (name: string): string | undefined => {
    const value = text(name, 10);
    return value !== undefined && startOf(value) !== undefined ? value : undefined;
  };
  const status = text('status', 20);
  return {
    status: isOrderStatus(status) ? status : undefined,
    orderNo: text('orderNo', 64),
    from: day('from'),
    to: day('to'),
    cursor: text('cursor', 200),
  };
}

/** The same for the API, which knows no days: until the end of the last one. */
export function askedOf(query: PaymentQuery): PaymentQuery {
  return { ...query, from: startOf(query.from)?.toISOString(), to: startOf(query.to, 1)?.toISOString() };
}

/** When a day begins here, or the one so many days after it. */
function startOf(day: string | undefined, later = 0): Date | undefined {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? '');
  if (!parts) return undefined;
  const [year, month, date] = parts.slice(1).map(Number) as [number, number, number];
  const start = new Date(year, month - 1, date);
  // The 31st of a month that has none becomes another day.
  if (start.getMonth() !== month - 1 || start.getDate() !== date) return undefined;
  return new Date(year, month - 1, date + later);
}
