import { onScopeDispose, ref, shallowRef, watch } from 'vue';
import { asApiError } from '@/api/problem';
import type { ApiError } from '@/api/problem';

/**
 * Loads what `key` names, and again whenever it changes. A slow answer to an older question never overwrites the answer
 * to a newer one.
 */
export function useLoad<K, T>(key: () => K, load: (key: K, signal: AbortSignal) => Promise<T>) {
  const data = shallowRef<T>();
  const error = shallowRef<ApiError>();
  const loading = ref(false);
  let current: AbortController | undefined;

  async function reload(): Promise<void> {
    current?.abort();
    const mine = new AbortController();
    current = mine;
    loading.value = true;
    error.value = undefined;
    try {
      const value = await load(key(), mine.signal);
      if (current === mine) data.value = value;
    } catch (thrown) {
      if (current === mine) error.value = asApiError(thrown);
    } finally {
      if (current === mine) loading.value = false;
    }
  }

  // Compared by value: a query object made anew with the same content asks nothing.
  watch(() => JSON.stringify(key()), () => void reload(), { immediate: true });
  onScopeDispose(() => {
    current?.abort();
    current = undefined;
  });
  return { data, error, loading, reload };
}
