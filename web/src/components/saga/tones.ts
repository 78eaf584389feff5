import type { SagaStatus } from '@/api/types';
import type { GraphEdge } from '@/sagas/graph';
import type { EdgeTrail } from '@/sagas/trail';

/** The colours of an edge; `idle` was not taken. */
export const TONES = ['idle', 'good', 'info', 'warn', 'bad'] as const;
export type Tone = (typeof TONES)[number];

const BY_STATUS: Record<SagaStatus, Tone> = { SU: 'good', RU: 'info', UN: 'warn', FA: 'bad', SK: 'good' };

/** Going back has a colour of its own where it went well. */
export function toneOf(edge: GraphEdge, trail: EdgeTrail | undefined): Tone {
  if (trail === undefined) return 'idle';
  return edge.kind === 'compensate' && trail.status === 'SU' ? 'info' : BY_STATUS[trail.status];
}
