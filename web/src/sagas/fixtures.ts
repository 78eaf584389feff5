import type { Definition, Saga, SagaState } from '@/api/types';

/** A machine with one of each way to go on, and entries that an instance of it leaves. For tests. */
export const trip: Definition = {
  Name: 'trip',
  Version: '1',
  StartState: 'BookSeat',
  States: {
    BookSeat: {
      Type: 'ServiceTask',
      ServiceName: 'http://127.0.0.1:4000/seats',
      ServiceMethod: '/book',
      CompensateState: 'FreeSeat',
      Catch: [
        { Exceptions: ['app.SoldOut'], Next: 'Undo' },
        { Exceptions: ['java.lang.Throwable'], Next: 'Undo' },
      ],
      Next: 'Expensive',
    },
    Expensive: { Type: 'Choice', Choices: [{ Expression: '[price] > 100', Next: 'AskBoss' }], Default: 'Pack' },
    AskBoss: { Type: 'WaitForEvent', Events: { YES: { Next: 'Pack' }, NO: { Next: 'Undo' } }, Deadline: '$.[until]', TimeoutNext: 'Undo' },
    Pack: { Type: 'ServiceTask', ServiceName: 'bags', ServiceMethod: 'pack', Loop: { Parallel: 1, Collection: '$.[bags]' }, CompensateState: 'Unpack', Next: 'Ride' },
    Ride: { Type: 'SubStateMachine', StateMachineName: 'ride', Next: 'Done', Catch: [{ Exceptions: ['java.lang.Exception'], Next: 'Undo' }] },
    Done: { Type: 'Succeed' },
    Undo: { Type: 'CompensationTrigger', Next: 'Failed' },
    Failed: { Type: 'Fail', ErrorCode: 'NO_TRIP' },
    FreeSeat: { Type: 'ServiceTask', ServiceName: 'seats', ServiceMethod: 'free' },
    Unpack: { Type: 'ServiceTask', ServiceName: 'bags', ServiceMethod: 'unpack' },
  },
};

export function entry(name: string, part: Partial<SagaState> = {}): SagaState {
  return {
    name,
    type: 'ServiceTask',
    status: 'SU',
    stepId: `step-${name}`,
    input: [],
    retries: 0,
    forUpdate: true,
    startedAt: '2026-11-22T10:00:00Z',
    endedAt: '2026-11-22T10:00:01Z',
    superseded: false,
    ...part,
  };
}

/** Parked: the ride failed, the bags are unpacked, and the seat cannot be given back. */
export const parkedTrip: Saga = {
  id: 'trip-1',
  machine: 'trip',
  machineVersion: '1',
  businessKey: 'summer',
  phase: 'PARKED',
  status: 'UN',
  compensationStatus: 'UN',
  state: 'FreeSeat',
  recoveries: 2,
  error: { name: 'ConnectError', message: 'connection refused', kind: 'connect', state: 'FreeSeat' },
  startedAt: '2026-11-22T10:00:00Z',
  updatedAt: '2026-11-22T10:00:09Z',
  archived: false,
  context: { price: 80, bags: ['red', 'blue'], token: '•••' },
  states: [
    entry('BookSeat', { next: 'Expensive', input: [{ seat: '1A' }], output: { ticket: 7 }, compensationStatus: 'FA' }),
    entry('Pack-loop-0', { endedAt: '2026-11-22T10:00:03Z', compensationStatus: 'SU' }),
    entry('Pack-loop-1', { endedAt: '2026-11-22T10:00:02Z', next: 'Ride', compensationStatus: 'SU' }),
    entry('Ride', {
      type: 'SubStateMachine',
      status: 'FA',
      next: 'Undo',
      error: { name: 'Storm', message: 'no trains', kind: 'business', state: 'Ride' },
      child: {
        id: 'trip-1/Ride',
        machine: 'ride',
        status: 'FA',
        context: {},
        states: [entry('Board', { status: 'FA' })],
        definition: { Name: 'ride', StartState: 'Board', States: { Board: { Type: 'ServiceTask', ServiceName: 'train', ServiceMethod: 'board' } } },
      },
    }),
    entry('Unpack', { stepId: 'u0', compensates: 'step-Pack-loop-0' }),
    entry('Unpack', { stepId: 'u1', compensates: 'step-Pack-loop-1' }),
    entry('FreeSeat', { stepId: 'f0', status: 'FA', retries: 3, compensates: 'step-BookSeat', error: { name: 'ConnectError', message: 'connection refused', kind: 'connect', state: 'FreeSeat' } }),
  ],
  waitingFor: [],
  actions: ['retry', 'compensate'],
  definition: trip,
  audit: [{ at: '2026-11-22T10:00:00Z', actor: 'admin-1', action: 'start', outcome: 'done' }],
};
