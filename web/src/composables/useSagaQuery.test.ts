import { describe, expect, it } from 'vitest';
import { writeQuery } from './queryText';
import { readSagaQuery } from './useSagaQuery';

describe('which sagas are shown', () => {
  it('is written into the address and read again', () => {
    const query = { phase: 'PARKED', machine: 'order_create', orderNo: 'K1', olderThan: 600, cursor: 'abc' } as const;
    expect(readSagaQuery(writeQuery(query))).toEqual(query);
    expect(writeQuery({ phase: undefined, machine: 'x' })).toEqual({ machine: 'x' });
  });

  it('leaves out what makes no sense', () => {
    const nothing = { phase: undefined, machine: undefined, orderNo: undefined, olderThan: undefined, cursor: undefined };
    expect(readSagaQuery({ phase: 'parked', machine: ' ', orderNo: null, olderThan: '-5', cursor: ['a', 'b'] })).toEqual(nothing);
  });
});
