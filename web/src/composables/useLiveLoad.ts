import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import { asApiError } from '@/api/problem';
import type { ApiError } from '@/api/problem';

interface Live<K, T> {
  /** What is asked for; another value is asked for at once. */
  key: () => K;
  load: (key: K, signal: AbortSignal) => Promise<T>;
  /** Milliseconds from an answer to the next question. */
  every: number;
  /** Whether it is worth asking again by itself. */
  wanted: (data: T | undefined) => boolean;
}

/**
 * Loads what `key` names and asks again every so often, while the page is seen. What was shown stays until something
 * newer comes, also through failures, which `error` tells; only an answer to another question is not left standing.
 */
export function useLiveLoad<K, T>({ key, load, every, wanted }: Live<K, T>) {
  const data = shallowRef<T>();
  const error = shallowRef<ApiError>();
  const loading = ref(false);
  let current: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  /** What `data` is the answer to. */
  let shown = '';

  function unschedule(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  async function refresh(): Promise<void> {
    unschedule();
    current?.abort();
    const mine = new AbortController();
    current = mine;
    loading.value = true;
    const asked = JSON.stringify(key());
    try {
      const value = await load(key(), mine.signal);
      if (current !== mine) return;
      data.value = value;
      shown = asked;
      error.value = undefined;
    } catch (thrown) {
      if (current !== mine) return;
      error.value = asApiError(thrown);
      if (shown !== asked) data.value = undefined;
    }
    loading.value = false;
    schedule();
  }

  function schedule(): void {
    unschedule();
    // A refusal stays one until somebody does something.
    const refused = error.value !== undefined && !error.value.isUnanswered;
    if (ended || refused || document.visibilityState !== 'visible' || !wanted(data.value)) return;
    timer = setTimeout(() => void refresh(), every);
  }

  /** Shows something newer that came another way; an answer under way to an older question is not waited for. */
  function put(value: T): void {
    current?.abort();
    current = undefined;
    loading.value = false;
    data.value = value;
    shown = JSON.stringify(key());
    error.value = undefined;
    schedule();
  }

  const onVisible = (): void => {
    if (document.visibilityState !== 'visible') unschedule();
    else if (wanted(data.value)) void refresh();
  };
  document.addEventListener('visibilitychange', onVisible);
  // Compared by value: a query object made anew with the same content asks nothing.
  watch(
    () => JSON.stringify(key()),
    () => void refresh(),
    { immediate: true },
  );
  watch(
    () => wanted(data.value),
    (now, before) => {
      if (!now) unschedule();
      else if (!before && !loading.value && timer === undefined) void refresh();
    },
  );
  onScopeDispose(() => {
    ended = true;
    unschedule();
    current?.abort();
    current = undefined;
    document.removeEventListener('visibilitychange', onVisible);
  });
  return { data, error, loading, refresh, put };
}
