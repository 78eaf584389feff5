import { Graph, layout } from '@dagrejs/dagre';
import { detour, LANE } from './detour';
import type { Side } from './detour';
import { START } from './graph';
import type { GraphEdge, GraphNode, MachineGraph } from './graph';

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
/** Kept free between ranks. */
const GAP = 30;
const MARGIN = 16;

/** Ranks from top to bottom, in the order in which a machine is read; what errors lead to from afar is reached by lanes at the side. */
export function layoutOf(graph: MachineGraph): Layout {
  const apart = farCatches(graph, arrange(graph.nodes, graph.edges));
  if (apart.length === 0) return arrange(graph.nodes, graph.edges);
  const inner = arrange(
    graph.nodes,
    graph.edges.filter((edge) => !apart.includes(edge)),
  );
  return withLanes(inner, apart);
}

/**
 * The catches over several ranks. Many states catch into one, and each such edge would push the states between them
 * apart. A state that is reached by catches alone keeps the nearest, to have its place below it.
 */
function farCatches(graph: MachineGraph, { nodes }: Layout): GraphEdge[] {
  const span = (edge: GraphEdge): number => (nodes.get(edge.to)?.y ?? 0) - bottomOf(nodes.get(edge.from));
  const far = graph.edges.filter((edge) => edge.kind === 'catch' && Math.abs(span(edge)) > 3 * GAP);
  return far.filter((edge) => {
    const others = graph.edges.filter((other) => other.to === edge.to && other.kind !== 'compensate' && other !== edge);
    if (others.some((other) => !far.includes(other))) return true;
    return others.some((other) => span(other) < span(edge) || (span(other) === span(edge) && other.id < edge.id));
  });
}

function withLanes(inner: Layout, apart: GraphEdge[]): Layout {
  const targets = [...new Set(apart.map((edge) => edge.to))];
  const sideOf = new Map<string, Side>(targets.map((target) => [target, nearerSide(inner, target, apart)]));
  const lanes = (side: Side): string[] => targets.filter((target) => sideOf.get(target) === side);
  const left = lanes('left').length * LANE;
  const width = inner.width + left + lanes('right').length * LANE;
  const right = (point: Point): Point => ({ x: point.x + left, y: point.y });
  const nodes = new Map([...inner.nodes].map(([name, box]) => [name, { ...box, x: box.x + left }]));
  const edges = new Map([...inner.edges].map(([id, route]) => [id, { points: route.points.map(right), label: right(route.label) }]));
  for (const edge of apart) {
    const side = sideOf.get(edge.to) ?? 'left';
    const lane = (lanes(side).indexOf(edge.to) + 0.6) * LANE;
    const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
    if (from && to) edges.set(edge.id, detour(from, to, [...nodes.values()], side, side === 'left' ? lane : width - lane));
  }
  return { width, height: inner.height, nodes, edges };
}

/** Where the way from the sources to a lane and from there to the target is shorter. */
function nearerSide({ nodes, width }: Layout, target: string, apart: GraphEdge[]): Side {
  const ends = [target, ...apart.filter((edge) => edge.to === target).map((edge) => edge.from)];
  const middles = ends.flatMap((name) => nodes.get(name) ?? []).map((box) => box.x + box.width / 2);
  const mean = middles.reduce((sum, x) => sum + x, 0) / Math.max(1, middles.length);
  return mean <= width / 2 ? 'left' : 'right';
}

function arrange(nodes: GraphNode[], edges: GraphEdge[]): Layout {
  const dagre = new Graph({ multigraph: true });
  dagre.setGraph({ rankdir: 'TB', ranksep: GAP, nodesep: 26, edgesep: 12, marginx: MARGIN, marginy: MARGIN });
  dagre.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) dagre.setNode(node.name, sizeOf(node));
  for (const edge of edges) {
    // The main way stays straight; catches and compensations go round it.
    const aside = edge.kind === 'catch' || edge.kind === 'compensate';
    dagre.setEdge(edge.from, edge.to, { ...(!aside && edge.labels.length > 0 && LABEL), weight: aside ? 1 : 4 }, edge.id);
  }
  layout(dagre);
  return {
    width: dagre.graph().width ?? 0,
    height: dagre.graph().height ?? 0,
    nodes: new Map(nodes.map(({ name }) => [name, cornerOf(dagre.node(name) as Box)])),
    edges: new Map(
      edges.map((edge) => {
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
  const signs = node.loop ? 122 : 74;
  return { width: Math.min(270, Math.max(120, Math.round(letters * 7.4) + signs)), height: node.detail === '' ? 40 : 52 };
}

/** dagre says where the middle is. */
function cornerOf({ x, y, width, height }: Box): Box {
  return { x: x - width / 2, y: y - height / 2, width, height };
}

function bottomOf(box: Box | undefined): number {
  return box === undefined ? 0 : box.y + box.height;
}
