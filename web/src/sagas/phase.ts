import type { SagaPhase, SagaState, SagaStatus } from '@/api/types';

/** In the order in which an operator asks for them: who needs somebody, who is on the way, who is done. */
export const PHASES = [
  'PARKED',
  'RECOVERING',
  'RETRYING',
  'COMPENSATING',
  'RUNNING',
  'WAITING',
  'SUCCEEDED',
  'COMPENSATED',
  'FAILED',
] as const satisfies readonly SagaPhase[];

const FINAL: readonly SagaPhase[] = ['SUCCEEDED', 'COMPENSATED', 'FAILED'];

/** Nothing happens to it any more by itself. */
export function isFinalPhase(phase: SagaPhase): boolean {
  return FINAL.includes(phase);
}

export function isPhase(text: unknown): text is SagaPhase {
  return (PHASES as readonly unknown[]).includes(text);
}

/** Of several, the one that matters most to whoever looks for trouble. */
export function worst(statuses: SagaStatus[]): SagaStatus | undefined {
  const order: SagaStatus[] = ['RU', 'FA', 'UN', 'SK', 'SU'];
  return order.find((status) => statuses.includes(status));
}

export function isCompensation(entry: SagaState): boolean {
  return entry.compensates !== undefined;
}

/** Milliseconds that an entry took; of one that is still at it, so far. */
export function elapsed(entry: { startedAt: string; endedAt?: string }, now: number): number {
  return Math.max(0, (entry.endedAt === undefined ? now : Date.parse(entry.endedAt)) - Date.parse(entry.startedAt));
}
