import type { Point } from './layout';

/** A line through the points with rounded corners, as an SVG path. */
export function pathThrough(points: Point[], radius = 10): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const parts = [`M${at(first)}`];
  rest.forEach((corner, index) => {
    const before = points[index] ?? corner;
    const after = rest[index + 1];
    if (after === undefined) {
      parts.push(`L${at(corner)}`);
      return;
    }
    parts.push(`L${at(towards(corner, before, radius))}`, `Q${at(corner)} ${at(towards(corner, after, radius))}`);
  });
  return parts.join(' ');
}

/** A point at most `distance` from `from`, and at most half the way to `to`. */
function towards(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(0.5, distance / length);
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}
