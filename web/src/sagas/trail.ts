import type { SagaState, SagaStatus } from '@/api/types';
import { isRecorded, START, stateOf } from './graph';
import type { EdgeKind, GraphEdge, MachineGraph } from './graph';
import { isCompensation, worst } from './phase';

/** What an instance left on its machine's diagram. */
export interface Trail {
  nodes: Map<string, NodeTrail>;
  /** The edges it went along, by id; a compensation's edge with how the compensation went. */
  edges: Map<string, EdgeTrail>;
}

export interface NodeTrail {
  /** Of the entries that count; absent for a state that leaves none. */
  status?: SagaStatus;
  entries: number;
  retries: number;
  /** How undoing it went, if that was begun. */
  compensation?: SagaStatus;
  /** In hand, or where the instance ended. */
  current: boolean;
}

export interface EdgeTrail {
  status: SagaStatus;
}

interface Run {
  states: SagaState[];
  /** The state in hand, or the one where the instance ended, if that is known. */
  at?: string;
}

/** Follows the entries through the graph. Choices and triggers leave none: the ways through them are found again. */
export function trailOf(graph: MachineGraph, { states, at }: Run): Trail {
  const nodes = nodeTrails(graph, states, at);
  const edges = new Map<string, EdgeTrail>();
  const take = (path: GraphEdge[], status: SagaStatus): void => {
    for (const edge of path) {
      edges.set(edge.id, { status });
      if (!nodes.has(edge.to)) nodes.set(edge.to, { entries: 0, retries: 0, current: edge.to === at });
    }
  };

  const forward = states.filter((entry) => !isCompensation(entry));
  if (states.length > 0 || at !== undefined) take(graph.edges.filter((edge) => edge.kind === 'start'), 'SU');
  forward.forEach((entry, index) => {
    const later = forward.slice(index + 1).find((other) => stateOf(other.name) !== stateOf(entry.name) || !isIteration(other));
    take(pathFrom(graph, entry, later, at), entry.status === 'RU' ? 'RU' : 'SU');
  });

  // An instance that came to an end state is there, whether or not it says so.
  for (const { name, type } of graph.nodes) {
    const trail = nodes.get(name);
    if (at === undefined && trail && (type === 'Succeed' || type === 'Fail')) trail.current = true;
  }

  const byStep = new Map(forward.map((entry) => [entry.stepId, entry]));
  for (const entry of states.filter(isCompensation)) {
    const undone = byStep.get(entry.compensates ?? '');
    const edge = undone && edgeBetween(graph, stateOf(undone.name), stateOf(entry.name), ['compensate']);
    if (edge) take([edge], entry.status);
  }
  return { nodes, edges };
}

function nodeTrails(graph: MachineGraph, states: SagaState[], at: string | undefined): Map<string, NodeTrail> {
  const trails = new Map<string, NodeTrail>();
  for (const { name } of graph.nodes) {
    const entries = states.filter((entry) => stateOf(entry.name) === name);
    const current = at !== undefined && stateOf(at) === name;
    if (entries.length === 0 && !current) continue;
    const valid = entries.filter((entry) => !entry.superseded);
    const counted = valid.some(isIteration) ? valid : valid.slice(-1);
    trails.set(name, {
      status: worst(counted.map((entry) => entry.status)),
      entries: entries.length,
      retries: entries.reduce((sum, entry) => sum + entry.retries, 0),
      compensation: worst(valid.flatMap((entry) => entry.compensationStatus ?? [])),
      current,
    });
  }
  return trails;
}

function isIteration(entry: SagaState): boolean {
  return stateOf(entry.name) !== entry.name;
}

/** From an entry to where the instance went from it: through choices and triggers to the entry after it, or to the end. */
function pathFrom(graph: MachineGraph, entry: SagaState, later: SagaState | undefined, at: string | undefined): GraphEdge[] {
  if (entry.next === undefined) return [];
  const from = stateOf(entry.name);
  const first = edgeBetween(graph, from, entry.next, kindsAfter(entry.status));
  const goal = later === undefined ? at : stateOf(later.name);
  if (first === undefined) return goal === undefined ? [] : through(graph, from, goal);
  if (isRecorded(nodeNamed(graph, entry.next)) || goal === undefined || goal === entry.next) return [first];
  return [first, ...through(graph, entry.next, goal)];
}

/** The shortest way that passes only through states without entries of their own; empty if there is none. */
function through(graph: MachineGraph, from: string, to: string): GraphEdge[] {
  const reached = new Map<string, GraphEdge[]>([[from, []]]);
  const queue = [from];
  for (let here = queue.shift(); here !== undefined; here = queue.shift()) {
    const soFar = reached.get(here) ?? [];
    for (const edge of graph.edges) {
      if (edge.from !== here || edge.kind === 'compensate') continue;
      if (edge.to === to) return [...soFar, edge];
      if (reached.has(edge.to) || isRecorded(nodeNamed(graph, edge.to))) continue;
      reached.set(edge.to, [...soFar, edge]);
      queue.push(edge.to);
    }
  }
  return [];
}

function kindsAfter(status: SagaStatus): EdgeKind[] {
  const onward: EdgeKind[] = ['next', 'event', 'timeout'];
  return status === 'SU' || status === 'SK' ? [...onward, 'catch'] : ['catch', ...onward];
}

function edgeBetween(graph: MachineGraph, from: string, to: string, kinds: EdgeKind[]): GraphEdge | undefined {
  const edges = graph.edges.filter((edge) => edge.from === from && edge.to === to && from !== START);
  return kinds.map((kind) => edges.find((edge) => edge.kind === kind)).find((edge) => edge !== undefined);
}

function nodeNamed(graph: MachineGraph, name: string) {
  return graph.nodes.find((node) => node.name === name);
}
