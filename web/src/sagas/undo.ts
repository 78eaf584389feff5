import type { SagaState } from '@/api/types';
import { stateOf } from './graph';
import type { MachineGraph } from './graph';
import { isCompensation } from './phase';

export interface Undoing {
  /** The state whose effect is undone. */
  state: string;
  /** What undoes it. */
  by: string;
}

/** What a compensation would call now, in its order: the last that was done is undone first. */
export function undoingsLeft(graph: MachineGraph, states: SagaState[]): Undoing[] {
  const compensators = new Map(
    graph.edges.filter((edge) => edge.kind === 'compensate').map((edge) => [edge.from, edge.to]),
  );
  return states
    .filter((entry) => !isCompensation(entry) && !entry.superseded && (entry.status === 'SU' || entry.status === 'UN'))
    .filter((entry) => entry.compensationStatus !== 'SU')
    .sort((one, other) => ended(other) - ended(one))
    .flatMap((entry) => {
      const by = compensators.get(stateOf(entry.name)) ?? (entry.type === 'SubStateMachine' ? entry.child?.machine : undefined);
      return by === undefined ? [] : [{ state: entry.name, by }];
    });
}

function ended(entry: SagaState): number {
  return Date.parse(entry.endedAt ?? entry.startedAt);
}
