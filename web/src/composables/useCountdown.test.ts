import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { observeServerDate } from '@/live/serverClock';
import { clock, useCountdown } from './useCountdown';

const NOW = Date.parse('2026-01-02T03:00:00Z');

describe('the countdown', () => {
  beforeEach(() => vi.useFakeTimers({ now: NOW }));
  afterEach(() => {
    observeServerDate(new Date().toUTCString());
    vi.useRealTimers();
  });

  it('runs to zero and no further', () => {
    const scope = effectScope();
    scope.run(() => {
      const { secondsLeft, text } = useCountdown(() => '2026-01-02T03:01:05Z');
      expect(text.value).toBe('1:05');
      vi.advanceTimersByTime(6_000);
      expect(text.value).toBe('0:59');
      vi.advanceTimersByTime(120_000);
      expect(secondsLeft.value).toBe(0);
      expect(text.value).toBe('0:00');
    });
    scope.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes by the clock of the server, whose deadline it is', () => {
    observeServerDate('Fri, 02 Jan 2026 03:10:00 GMT');
    const scope = effectScope();
    scope.run(() => {
      expect(useCountdown(() => '2026-01-02T03:11:00Z').text.value).toBe('1:00');
    });
    scope.stop();
  });

  it('says nothing without a deadline', () => {
    const scope = effectScope();
    scope.run(() => {
      const { secondsLeft, text } = useCountdown(() => undefined);
      expect([secondsLeft.value, text.value]).toEqual([undefined, '']);
    });
    scope.stop();
  });

  it.each([
    [0, '0:00'],
    [9, '0:09'],
    [600, '10:00'],
    [3_725, '1:02:05'],
  ])('writes %i seconds as %s', (seconds, text) => expect(clock(seconds)).toBe(text));
});
