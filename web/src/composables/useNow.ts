import { onScopeDispose, readonly, ref } from 'vue';
import type { Ref } from 'vue';
import { serverNow } from '@/live/serverClock';

/** The time by the server's clock, epoch milliseconds, moving on every second. */
export function useNow(): Readonly<Ref<number>> {
  const now = ref(serverNow());
  const timer = setInterval(() => {
    now.value = serverNow();
  }, 1000);
  onScopeDispose(() => clearInterval(timer));
  return readonly(now);
}
