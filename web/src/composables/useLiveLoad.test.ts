import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope, nextTick, ref } from 'vue';
import type { EffectScope } from 'vue';
import { ApiError } from '@/api/problem';
import { useLiveLoad } from './useLiveLoad';

let scope: EffectScope;
let visible: DocumentVisibilityState;
const answers: { key: string; signal: AbortSignal; resolve: (value: number) => void; reject: (error: unknown) => void }[] = [];
const wanted = ref(true);
const key = ref('a');

function start() {
  scope = effectScope();
  const load = (asked: string, signal: AbortSignal) =>
    new Promise<number>((resolve, reject) => answers.push({ key: asked, signal, resolve, reject }));
  return scope.run(() => useLiveLoad({ key: () => key.value, load, every: 2000, wanted: () => wanted.value }));
}

async function answer(index: number, value: number | ApiError): Promise<void> {
  if (typeof value === 'number') answers[index]?.resolve(value);
  else answers[index]?.reject(value);
  await vi.advanceTimersByTimeAsync(0);
}

async function see(state: DocumentVisibilityState): Promise<void> {
  visible = state;
  document.dispatchEvent(new Event('visibilitychange'));
  await nextTick();
}

beforeEach(() => {
  vi.useFakeTimers();
  answers.length = 0;
  wanted.value = true;
  key.value = 'a';
  visible = 'visible';
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible);
});

afterEach(() => {
  scope.stop();
  vi.useRealTimers();
});

describe('loading something that changes', () => {
  it('asks again some time after each answer, and keeps what it has while it asks', async () => {
    const live = start();
    await answer(0, 1);
    expect([live?.data.value, answers.length]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(2000);
    expect([live?.data.value, answers.length]).toEqual([1, 2]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers.length).toBe(2);
    await answer(1, 2);
    expect(live?.data.value).toBe(2);
  });

  it('does not ask while nobody looks, and asks at once when somebody does', async () => {
    start();
    await answer(0, 1);
    await see('hidden');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers.length).toBe(1);
    await see('visible');
    expect(answers.length).toBe(2);
    await see('hidden');
    await answer(1, 2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers.length, 'an answer that comes while nobody looks').toBe(2);
  });

  it('stops when it is not wanted, and goes on when it is again', async () => {
    start();
    await answer(0, 1);
    wanted.value = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers.length).toBe(1);
    wanted.value = true;
    await nextTick();
    expect(answers.length).toBe(2);
  });

  it('goes on after a failure without an answer, and rests after a refusal', async () => {
    const live = start();
    await answer(0, 1);
    await vi.advanceTimersByTimeAsync(2000);
    await answer(1, new ApiError('OVERLOADED', 503));
    expect([live?.data.value, live?.error.value?.code]).toEqual([1, 'OVERLOADED']);
    await vi.advanceTimersByTimeAsync(2000);
    await answer(2, new ApiError('FORBIDDEN', 403));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(answers.length).toBe(3);
    void live?.refresh();
    await answer(3, 4);
    expect([live?.data.value, live?.error.value]).toEqual([4, undefined]);
  });

  it('shows what was put, not an older answer that comes later', async () => {
    const live = start();
    live?.put(9);
    await answer(0, 1);
    expect(live?.data.value).toBe(9);
    expect(answers[0]?.signal.aborted).toBe(true);
    await vi.advanceTimersByTimeAsync(2000);
    expect(answers.length).toBe(2);
  });

  it('asks for another key at once and forgets the first question', async () => {
    const live = start();
    key.value = 'b';
    await nextTick();
    expect(answers.map((one) => one.key)).toEqual(['a', 'b']);
    await answer(0, 1);
    expect(live?.data.value).toBeUndefined();
    await answer(1, 2);
    expect(live?.data.value).toBe(2);
    key.value = 'c';
    await nextTick();
    await answer(2, new ApiError('INTERNAL', 500));
    expect(live?.data.value, 'what was shown is no answer to the question that failed').toBeUndefined();
  });
});
