import { describe, expect, it } from 'vitest';
import { entry, parkedTrip, trip } from './fixtures';
import { graphOf, START } from './graph';
import { trailOf } from './trail';

const graph = graphOf(trip);
const taken = (trail: ReturnType<typeof trailOf>) =>
  graph.edges.filter((edge) => trail.edges.has(edge.id)).map((edge) => `${edge.from}>${edge.to}:${edge.kind}`).sort();

describe('an instance’s trail', () => {
  const trail = trailOf(graph, { states: parkedTrip.states, at: 'FreeSeat' });

  it('goes through the choices that leave no entry, and along catches and compensations', () => {
    expect(taken(trail)).toEqual(
      [
        `${START}>BookSeat:start`,
        'BookSeat>Expensive:next',
        'Expensive>Pack:default',
        'Pack>Ride:next',
        'Ride>Undo:catch',
        'BookSeat>FreeSeat:compensate',
        'Pack>Unpack:compensate',
      ].sort(),
    );
  });

  it('tells how each state went, a loop by its iterations', () => {
    expect(trail.nodes.get('Pack')).toEqual({ status: 'SU', entries: 2, retries: 0, compensation: 'SU', current: false });
    expect(trail.nodes.get('FreeSeat')).toMatchObject({ status: 'FA', retries: 3, current: true });
    expect(trail.nodes.get('BookSeat')?.compensation).toBe('FA');
    expect(trail.nodes.get('Undo')).toMatchObject({ entries: 0 });
    expect(trail.nodes.has('AskBoss')).toBe(false);
  });

  it('colours a compensation by how it went', () => {
    const edge = graph.edges.find((one) => one.from === 'BookSeat' && one.kind === 'compensate');
    expect(trail.edges.get(edge?.id ?? '')).toEqual({ status: 'FA' });
  });

  it('goes to the end where the instance ended', () => {
    const states = [entry('BookSeat', { next: 'Expensive' }), entry('Pack', { next: 'Ride' }), entry('Ride', { next: 'Done' })];
    const done = trailOf(graph, { states, at: 'Done' });
    expect(taken(done)).toContain('Ride>Done:next');
    expect(done.nodes.get('Done')?.current).toBe(true);
  });

  it('ends where the last entry leads, also if nobody says so', () => {
    const states = [entry('Ride', { next: 'Done' })];
    expect(trailOf(graph, { states }).nodes.get('Done')?.current).toBe(true);
  });

  it('goes through a trigger to what comes after it', () => {
    const states = [entry('BookSeat', { status: 'FA', next: 'Undo' })];
    expect(taken(trailOf(graph, { states, at: 'Failed' }))).toEqual([`${START}>BookSeat:start`, 'BookSeat>Undo:catch', 'Undo>Failed:next']);
  });

  it('takes no compensation for a way on', () => {
    const states = [entry('BookSeat', { next: 'ARemovedState' })];
    expect(taken(trailOf(graph, { states, at: 'FreeSeat' }))).toEqual([`${START}>BookSeat:start`]);
  });

  it('counts the last of several tries of a state', () => {
    const states = [entry('BookSeat', { status: 'FA', superseded: true, stepId: 'a' }), entry('BookSeat', { stepId: 'b' })];
    expect(trailOf(graph, { states }).nodes.get('BookSeat')).toMatchObject({ status: 'SU', entries: 2 });
  });

  it('is empty before anything happened', () => {
    expect(taken(trailOf(graph, { states: [] }))).toEqual([]);
  });
});
