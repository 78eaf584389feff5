import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { LocationQuery } from 'vue-router';
import type { SagaQuery } from '@/api/sagas';
import { isPhase } from '@/sagas/phase';
import { queryText, writeQuery } from './queryText';

/** Which sagas are shown is in the address: it can be sent to a colleague, and "back" turns pages. */
export function useSagaQuery() {
  const route = useRoute();
  const router = useRouter();
  const query = computed(() => readSagaQuery(route.query));

  /** Changes a part and goes back to the first page, unless the page is what changes. */
  function linkTo(part: Partial<SagaQuery>) {
    return { name: 'sagas', query: writeQuery({ ...query.value, cursor: undefined, ...part }) };
  }

  return { query, linkTo, change: (part: Partial<SagaQuery>) => void router.push(linkTo(part)) };
}

/** What makes no sense is left out. */
export function readSagaQuery(raw: LocationQuery): SagaQuery {
  const text = (name: string, longest: number) => queryText(raw, name, longest);
  const phase = text('phase', 20);
  const seconds = text('olderThan', 9);
  return {
    phase: isPhase(phase) ? phase : undefined,
    machine: text('machine', 128),
    orderNo: text('orderNo', 64),
    olderThan: seconds !== undefined && /^\d+$/.test(seconds) ? Number(seconds) : undefined,
    cursor: text('cursor', 200),
  };
}
