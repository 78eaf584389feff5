import { describe, expect, it } from 'vitest';
import { trip } from './fixtures';
import { graphOf } from './graph';
import type { Box } from './layout';
import { layoutOf } from './layout';
import { pathThrough } from './path';

describe('a diagram’s layout', () => {
  const graph = graphOf(trip);
  const { nodes, edges, width, height } = layoutOf(graph);

  it('puts every state somewhere inside, none upon another', () => {
    const boxes = [...nodes.values()];
    const apart = (a: Box, b: Box) => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
    boxes.forEach((box, index) => {
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height).toBe(true);
      expect(boxes.slice(index + 1).every((other) => apart(box, other))).toBe(true);
    });
  });

  it('routes every edge', () => {
    expect([...edges.keys()].sort()).toEqual(graph.edges.map((edge) => edge.id).sort());
    expect([...edges.values()].every((route) => route.points.length >= 2)).toBe(true);
  });

  it('puts a state below the one before it', () => {
    expect(nodes.get('Done')?.y).toBeGreaterThan(nodes.get('Ride')?.y ?? Infinity);
  });

  it('leads far catches round all states, along a lane at the side', () => {
    const names = ['A', 'B', 'C', 'D', 'E', 'F'];
    const states = names.map((name, index) => [name, { Type: 'ServiceTask', Next: names[index + 1] ?? 'Undo', Catch: [{ Exceptions: ['X'], Next: 'Undo' }] }]);
    const chain = graphOf({ StartState: 'A', States: { ...Object.fromEntries(states), Undo: { Type: 'CompensationTrigger' } } });
    const drawn = layoutOf(chain);
    const catches = chain.edges.filter((edge) => edge.kind === 'catch');
    const far = catches.filter((edge) => drawn.edges.get(edge.id)?.points.length === 6);
    expect(far.map((edge) => edge.from)).toEqual(['A', 'B', 'C', 'D', 'E']);
    const boxes = [...drawn.nodes.values()];
    for (const edge of far) {
      const points = drawn.edges.get(edge.id)?.points ?? [];
      const lane = points[2]?.x ?? NaN;
      expect(lane > 0 && lane < drawn.width).toBe(true);
      expect(boxes.every((box) => lane < box.x || lane > box.x + box.width)).toBe(true);
      for (const { y } of [points[1], points[4]].flatMap((point) => point ?? [])) {
        expect(boxes.every((box) => y < box.y || y > box.y + box.height)).toBe(true);
      }
    }
  });

  it('draws corners round, and nothing of nothing', () => {
    expect(pathThrough([])).toBe('');
    expect(pathThrough([{ x: 0, y: 0 }, { x: 0, y: 10 }])).toBe('M0,0 L0,10');
    expect(pathThrough([{ x: 0, y: 0 }, { x: 0, y: 40 }, { x: 40, y: 40 }])).toBe('M0,0 L0,30 Q0,40 10,40 L40,40');
  });
});
