import { describe, expect, it } from 'vitest';
import { duration, relative } from './times';

const now = Date.parse('2026-11-22T12:00:00Z');

describe('times', () => {
  it.each([
    ['2026-11-22T11:59:57Z', '3 sec ago'],
    ['2026-11-22T12:00:05Z', 'in 5 sec'],
    ['2026-11-22T11:58:01Z', '1 min ago'],
    ['2026-11-22T09:30:00Z', '2 hr ago'],
    ['2026-11-15T12:00:00Z', '7 days ago'],
  ])('%s is %s', (instant, text) => {
    expect(relative(instant, now, 'en-GB').replaceAll('.', '')).toBe(text);
  });

  it('speak Japanese', () => {
    expect(relative('2026-11-22T11:57:00Z', now, 'ja-JP').replace(/\s/g, '')).toBe('3分前');
  });

  it.each([
    [80.4, '80 ms'],
    [2400, '2.4 s'],
    [59_900, '59 s'],
    [185_000, '3 min 5 s'],
    [8_040_000, '2 h 14 min'],
    [273_600_000, '3 d 4 h'],
  ])('%d milliseconds are %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });
});
