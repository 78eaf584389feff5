import { computed, ref } from 'vue';
import type { ComputedRef, Ref } from 'vue';

export interface JsonText {
  text: Ref<string>;
  /** The object that the text is, or undefined while it is none. */
  value: ComputedRef<Record<string, unknown> | undefined>;
  /** What is wrong with the text, in the parser's words; empty if nothing is, or if it is no object. */
  flaw: ComputedRef<string>;
}

/** A JSON object as somebody types it. */
export function useJsonText(initial = ''): JsonText {
  const text = ref(initial);
  const parsed = computed<{ value?: unknown; flaw: string }>(() => {
    try {
      return { value: JSON.parse(text.value) as unknown, flaw: '' };
    } catch (thrown) {
      return { flaw: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  });
  const value = computed(() => {
    const { value: given } = parsed.value;
    return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Record<string, unknown>) : undefined;
  });
  return { text, value, flaw: computed(() => parsed.value.flaw) };
}
