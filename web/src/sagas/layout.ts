import { Graph, layout } from '@dagrejs/dagre';
import { START } from './graph';
import type { GraphNode, MachineGraph } from './graph';

/** Where a diagram's parts are, in pixels; the origin is the top left corner. */
export interface Layout {
  width: number;
  height: number;
  /** Top left corners and sizes, by state. */
  nodes: Map<string, Box>;
  /** By edge id. */
  edges: Map<string, Route>;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Route {
  /** From border to border. */
  points: Point[];
  /** The middle of the label. */
  label: Point;
}

export interface Point {
  x: number;
  y: number;
}

/** What is kept free for a label; longer ones may reach over lines, not over states. */
const LABEL = { width: 40, height: 16, labelpos: 'c' };

/** Ranks from top to bottom, in the order in which a machine is read. */
export function layoutOf(graph: MachineGraph): Layout {
  const dagre = new Graph({ multigraph: true });
  // By longest path, machines' many ways to one compensation and one end make the least wide and least winding picture.
  dagre.setGraph({ rankdir: 'TB', ranker: 'longest-path', ranksep: 30, nodesep: 26, edgesep: 12, marginx: 16, marginy: 16 });
  dagre.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) dagre.setNode(node.name, sizeOf(node));
  for (const edge of graph.edges) {
    // The main way stays straight; catches and compensations go round it.
    const aside = edge.kind === 'catch' || edge.kind === 'compensate';
    dagre.setEdge(edge.from, edge.to, { ...(!aside && edge.labels.length > 0 && LABEL), weight: aside ? 0 : 4 }, edge.id);
  }
  layout(dagre);
  return {
    width: dagre.graph().width ?? 0,
    height: dagre.graph().height ?? 0,
    nodes: new Map(graph.nodes.map(({ name }) => [name, cornerOf(dagre.node(name) as Box)])),
    edges: new Map(
      graph.edges.map((edge) => {
        const { points, x, y } = dagre.edge(edge.from, edge.to, edge.id) as { points: Point[]; x?: number; y?: number };
        // Where no room is kept, just after the state where the ways part.
        const parting = points[1] ?? { x: 0, y: 0 };
        return [edge.id, { points, label: { x: x ?? parting.x, y: y ?? parting.y } }];
      }),
    ),
  };
}

function sizeOf(node: GraphNode): { width: number; height: number } {
  if (node.name === START) return { width: 18, height: 18 };
  const letters = Math.max(node.name.length, node.detail.length * 0.8);
  return { width: Math.min(250, Math.max(120, Math.round(letters * 7.4) + 74)), height: node.detail === '' ? 40 : 52 };
}

/** dagre says where the middle is. */
function cornerOf({ x, y, width, height }: Box): Box {
  return { x: x - width / 2, y: y - height / 2, width, height };
}

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
