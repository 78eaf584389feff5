import { describe, expect, it } from 'vitest';
import { trip } from './fixtures';
import { graphOf, START, stateOf } from './graph';

const graph = graphOf(trip);
const edges = (from: string) =>
  graph.edges.filter((edge) => edge.from === from).map((edge) => [edge.kind, edge.to, edge.labels.join(' | ')]);

describe('a machine’s graph', () => {
  it('has every state and a mark before the first', () => {
    expect(graph.nodes.map((node) => node.name).sort()).toEqual([START, ...Object.keys(trip['States'] as object)].sort());
    expect(edges(START)).toEqual([['start', 'BookSeat', '']]);
  });

  it('says what a state calls, and where loops are', () => {
    const node = (name: string) => graph.nodes.find((one) => one.name === name);
    expect(node('BookSeat')?.detail).toBe('127.0.0.1:4000/book');
    expect(node('Pack')?.detail).toBe('bags.pack');
    expect(node('Ride')?.detail).toBe('ride');
    expect(node('Failed')?.detail).toBe('NO_TRIP');
    expect([node('Pack')?.loop, node('Ride')?.loop]).toEqual([true, false]);
  });

  it('has one edge for the errors that lead the same way', () => {
    expect(edges('BookSeat')).toEqual([
      ['next', 'Expensive', ''],
      ['catch', 'Undo', 'SoldOut | *'],
      ['compensate', 'FreeSeat', ''],
    ]);
  });

  it('labels choices, events and deadlines', () => {
    expect(edges('Expensive')).toEqual([
      ['choice', 'AskBoss', '[price] > 100'],
      ['default', 'Pack', ''],
    ]);
    expect(edges('AskBoss')).toEqual([
      ['event', 'Pack', 'YES'],
      ['event', 'Undo', 'NO'],
      ['timeout', 'Undo', ''],
    ]);
  });

  it.each([{}, { States: null }, { States: [] }, { StartState: 4, States: { A: null, B: { Next: 'Z', Choices: 'x', Catch: [null] } } }])(
    'shows what it can of %j',
    (definition) => {
      expect(graphOf(definition as never).edges).toEqual([]);
    },
  );

  it('knows the state of a loop’s entry', () => {
    expect(['Pack-loop-12', 'Pack', 'a-loop-b'].map(stateOf)).toEqual(['Pack', 'Pack', 'a-loop-b']);
  });
});
