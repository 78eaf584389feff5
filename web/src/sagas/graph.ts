import type { Definition } from '@/api/types';

/** A state machine as states and the ways between them, read from its definition in the state language. */

/** Why one leads from a state to another. `compensate`: to what undoes it. `start`: where an instance begins. */
export type EdgeKind = 'start' | 'next' | 'choice' | 'default' | 'catch' | 'event' | 'timeout' | 'compensate';

export interface GraphNode {
  name: string;
  /** `ServiceTask`, `Choice`, …, or `Start`. */
  type: string;
  /** What it calls, runs or ends with, in a word; empty if its name says it all. */
  detail: string;
  loop: boolean;
}

export interface GraphEdge {
  id: string;
  from: string;
  to: string;
  kind: EdgeKind;
  /** Expressions, errors or events; several where several lead the same way. */
  labels: string[];
}

export interface MachineGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** The mark that stands before the first state. No state is called so. */
export const START = '\u0002';

/** States that leave no entry of their own in an instance: it only passes through them, or ends there. */
const UNRECORDED = new Set(['Choice', 'CompensationTrigger', 'Succeed', 'Fail', 'Start']);

export function isRecorded(node: GraphNode | undefined): boolean {
  return node !== undefined && !UNRECORDED.has(node.type);
}

/** `Pick-loop-2` is an entry of the state `Pick`. */
export function stateOf(entryName: string): string {
  return entryName.replace(/-loop-\d+$/, '');
}

/** Never throws: of a definition that is not right, what can be understood is shown. */
export function graphOf(definition: Definition): MachineGraph {
  const states = Object.entries(record(definition['States'])).map(([name, state]) => [name, record(state)] as const);
  const nodes = states.map(([name, state]) => nodeOf(name, state));
  const known = new Set(nodes.map((node) => node.name));
  const start = text(definition['StartState']);
  const ways = states.flatMap(([name, state]) => waysOf(state).map((way) => ({ from: name, ...way })));
  if (known.has(start)) {
    nodes.unshift({ name: START, type: 'Start', detail: '', loop: false });
    ways.unshift({ from: START, to: start, kind: 'start', label: '' });
  }
  return { nodes, edges: merge(ways.filter((way) => known.has(way.to))) };
}

type Dict = Record<string, unknown>;

interface Way {
  to: string;
  kind: EdgeKind;
  label: string;
}

function nodeOf(name: string, state: Dict): GraphNode {
  return { name, type: text(state['Type']), detail: detailOf(state), loop: state['Loop'] !== undefined };
}

function detailOf(state: Dict): string {
  switch (state['Type']) {
    case 'ServiceTask':
      return callOf(shortService(text(state['ServiceName'])), text(state['ServiceMethod']));
    case 'SubStateMachine':
      return text(state['StateMachineName']);
    case 'Fail':
      return text(state['ErrorCode']);
    default:
      return '';
  }
}

/** `inventory.reserve`, `warehouse/pick`. */
function callOf(service: string, method: string): string {
  return service === '' || method === '' || method.startsWith('/') ? service + method : `${service}.${method}`;
}

/** Of an address, the host says enough. */
function shortService(name: string): string {
  return /^https?:\/\/([^/]+)/.exec(name)?.[1] ?? name;
}

function waysOf(state: Dict): Way[] {
  const rules = (key: string): Dict[] => list(state[key]).map(record);
  return [
    ...rules('Choices').map((rule) => way('choice', rule['Next'], text(rule['Expression']))),
    way('default', state['Default']),
    ...Object.entries(record(state['Events'])).map(([event, rule]) => way('event', record(rule)['Next'], event)),
    way('timeout', state['TimeoutNext']),
    way('next', state['Next']),
    ...rules('Catch').map((rule) => way('catch', rule['Next'], list(rule['Exceptions']).map(shortError).join(', '))),
    way('compensate', state['CompensateState']),
  ];
}

function way(kind: EdgeKind, to: unknown, label = ''): Way {
  return { kind, to: text(to), label };
}

/** These two match every error. */
function shortError(name: unknown): string {
  const error = text(name);
  return error === 'java.lang.Throwable' || error === 'java.lang.Exception' ? '*' : (error.split('.').pop() ?? error);
}

/** One edge for all that lead from one state to another for the same kind of reason. */
function merge(ways: (Way & { from: string })[]): GraphEdge[] {
  const edges = new Map<string, GraphEdge>();
  for (const { from, to, kind, label } of ways) {
    const id = JSON.stringify([from, to, kind]);
    const edge = edges.get(id) ?? { id, from, to, kind, labels: [] };
    if (label !== '') edge.labels.push(label);
    edges.set(id, edge);
  }
  return [...edges.values()];
}

function record(value: unknown): Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Dict) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
