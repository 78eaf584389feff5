import { describe, expect, it } from 'vitest';
import { entry, parkedTrip, trip } from './fixtures';
import { graphOf } from './graph';
import { undoingsLeft } from './undo';

const graph = graphOf(trip);

describe('what a compensation would undo', () => {
  it('is what was done and is not undone yet', () => {
    expect(undoingsLeft(graph, parkedTrip.states)).toEqual([{ state: 'BookSeat', by: 'FreeSeat' }]);
  });

  it('comes last done first, and leaves out what failed, was replaced, or cannot be undone', () => {
    const states = [
      entry('BookSeat', { endedAt: '2026-11-22T10:00:05Z' }),
      entry('Pack', { endedAt: '2026-11-22T10:00:07Z', status: 'UN' }),
      entry('Pack', { endedAt: '2026-11-22T10:00:06Z', superseded: true }),
      entry('Ride', { endedAt: '2026-11-22T10:00:08Z' }),
      entry('BookSeat', { status: 'FA' }),
    ];
    expect(undoingsLeft(graph, states).map(({ state }) => state)).toEqual(['Pack', 'BookSeat']);
  });
});
