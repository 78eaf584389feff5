import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { LocationQuery } from 'vue-router';
import type { AlertQuery } from '@/api/alerts';
import type { AlertStatus } from '@/api/types';

export const ALERT_STATUSES: readonly AlertStatus[] = ['NEW', 'ACKNOWLEDGED', 'RESOLVED'];
/** The rules that alerts are raised by. */
export const ALERT_RULES = ['A', 'B', 'C', 'D', 'M', 'R', 'S', 'W'] as const;

/** Which alerts are shown is in the address: it can be sent to a colleague, and "back" turns pages. */
export function useAlertQuery() {
  const route = useRoute();
  const router = useRouter();
  const query = computed(() => readAlertQuery(route.query));

  /** Changes a part and goes back to the first page, unless the page is what changes. */
  function linkTo(part: Partial<AlertQuery>) {
    return { name: 'alerts', query: writeAlertQuery({ ...query.value, cursor: undefined, ...part }) };
  }

  return { query, linkTo, change: (part: Partial<AlertQuery>) => void router.push(linkTo(part)) };
}

/** What makes no sense is left out. */
export function readAlertQuery(raw: LocationQuery): AlertQuery {
  const text = (name: string, longest: number): string | undefined => {
    const value = raw[name];
    return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, longest) : undefined;
  };
  const instant = (name: string): string | undefined => {
    const value = text(name, 40);
    return value !== undefined && !Number.isNaN(Date.parse(value)) ? new Date(value).toISOString() : undefined;
  };
  return {
    status: ALERT_STATUSES.find((status) => status === raw['status']),
    rule: text('rule', 16),
    orderNo: text('orderNo', 64),
    from: instant('from'),
    to: instant('to'),
    cursor: text('cursor', 300),
  };
}

export function writeAlertQuery(query: AlertQuery): Record<string, string> {
  return Object.fromEntries(Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}
