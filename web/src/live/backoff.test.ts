import { describe, expect, it } from 'vitest';
import { backoffDelay } from './backoff';

describe('the pause between tries', () => {
  it('doubles up to a limit', () => {
    const most = [0, 1, 2, 3, 10, 1000].map((attempt) => backoffDelay(attempt, () => 1));
    expect(most).toEqual([500, 1000, 2000, 4000, 20_000, 20_000]);
  });

  it('is at least half of that, so that there is always a pause', () => {
    expect(backoffDelay(2, () => 0)).toBe(1000);
  });
});
