import { computed, onScopeDispose, ref } from 'vue';
import type { ComputedRef } from 'vue';
import { serverNow } from '@/live/serverClock';

/** Whole seconds left until an instant by the server's clock, from the first to 0. */
export function useCountdown(deadline: () => string | null | undefined): {
  secondsLeft: ComputedRef<number | undefined>;
  text: ComputedRef<string>;
} {
  const now = ref(serverNow());
  const timer = setInterval(() => {
    now.value = serverNow();
  }, 250);
  onScopeDispose(() => clearInterval(timer));

  const secondsLeft = computed(() => {
    const end = Date.parse(deadline() ?? '');
    return Number.isNaN(end) ? undefined : Math.max(0, Math.ceil((end - now.value) / 1000));
  });
  const text = computed(() => (secondsLeft.value === undefined ? '' : clock(secondsLeft.value)));
  return { secondsLeft, text };
}

/** `4:05`, `1:00:00`. */
export function clock(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
