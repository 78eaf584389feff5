import { describe, expect, it } from 'vitest';
import { readAlertQuery, writeAlertQuery } from './useAlertQuery';

describe('which alerts are shown', () => {
  it('is written into the address and read again', () => {
    const query = { status: 'NEW', rule: 'A', orderNo: 'K1', from: '2026-11-22T01:00:00.000Z', to: '2026-11-23T01:00:00.000Z', cursor: '5.A-1' } as const;
    expect(readAlertQuery(writeAlertQuery(query))).toEqual(query);
    expect(writeAlertQuery({ status: undefined, rule: 'S' })).toEqual({ rule: 'S' });
  });

  it('leaves out what makes no sense', () => {
    const nothing = { status: undefined, rule: undefined, orderNo: undefined, from: undefined, to: undefined, cursor: undefined };
    expect(readAlertQuery({ status: 'new', rule: ' ', orderNo: null, from: 'yesterday', to: ['a', 'b'], cursor: '' })).toEqual(nothing);
  });
});
