import type { Box, Point, Route } from './layout';

/** Which side of a diagram. */
export type Side = 'left' | 'right';

/** The breadth of a lane, in pixels. */
export const LANE = 16;
/** How far a line keeps from the states above and below it. */
const DISTANCE = 10;

/**
 * A way round everything: down into the gap below the source's rank, out to a lane at the side, along it, and back
 * through the gap above the target's rank. Gaps between ranks hold lines only, so no state is crossed.
 */
export function detour(from: Box, to: Box, all: Box[], side: Side, lane: number): Route {
  const outward = side === 'left' ? -1 : 1;
  const leave = { x: middle(from).x + outward * from.width * 0.3, y: from.y + from.height };
  const arrive = { x: middle(to).x + outward * Math.min(18, to.width * 0.2), y: to.y };
  const below = Math.max(...rankOf(from, all).map((box) => box.y + box.height)) + DISTANCE;
  const above = Math.min(...rankOf(to, all).map((box) => box.y)) - DISTANCE;
  return {
    points: [leave, { x: leave.x, y: below }, { x: lane, y: below }, { x: lane, y: above }, { x: arrive.x, y: above }, arrive],
    label: { x: leave.x + outward * from.width * 0.2, y: below },
  };
}

/** A rank's states have their middles on one line. */
function rankOf(box: Box, all: Box[]): Box[] {
  return all.filter((other) => Math.abs(middle(other).y - middle(box).y) < 1);
}

function middle(box: Box): Point {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
