import { describe, expect, it } from 'vitest';
import { writeQuery } from './queryText';
import { askedOf, readPaymentQuery } from './usePaymentQuery';

describe('which payments are shown', () => {
  it('is written into the address and read again', () => {
    const query = { status: 'PAID', orderNo: 'K1', from: '2026-11-01', to: '2026-11-22', cursor: 'abc' } as const;
    expect(readPaymentQuery(writeQuery(query))).toEqual(query);
  });

  it('leaves out what makes no sense', () => {
    const nothing = { status: undefined, orderNo: undefined, from: undefined, to: undefined, cursor: undefined };
    expect(readPaymentQuery({ status: 'paid', orderNo: ' ', from: '2026-02-30', to: 'yesterday', cursor: ['a', 'b'] })).toEqual(nothing);
  });

  it('is asked for from the first moment of the first day to the last of the last', () => {
    const asked = askedOf({ status: 'FAILED', from: '2026-12-31', to: '2026-12-31' });
    expect(asked).toEqual({ status: 'FAILED', from: new Date(2026, 11, 31).toISOString(), to: new Date(2027, 0, 1).toISOString() });
    expect(askedOf({})).toEqual({ from: undefined, to: undefined });
  });
});
