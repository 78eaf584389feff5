import { beforeEach, describe, expect, it } from 'vitest';
import { beginAttempt, endAttempt, pendingAttempt } from './attempt';

const mug = { items: [{ productId: 1001, quantity: 2 }], useBalance: false };

describe('a checkout attempt', () => {
  beforeEach(() => localStorage.clear());

  it('keeps its key while the same order is unanswered', () => {
    const first = beginAttempt('u1', mug);
    expect(beginAttempt('u1', structuredClone(mug)).key).toBe(first.key);
    expect(pendingAttempt('u1')?.key).toBe(first.key);
  });

  it('does not care about the order of the lines, or about a balance that is not mentioned', () => {
    const two = { items: [{ productId: 1, quantity: 1 }, { productId: 20, quantity: 3 }] };
    const first = beginAttempt('u1', two);
    expect(beginAttempt('u1', { items: [...two.items].reverse(), useBalance: false }).key).toBe(first.key);
  });

  it.each([
    ['another quantity', { ...mug, items: [{ productId: 1001, quantity: 3 }] }],
    ['another product', { ...mug, items: [{ productId: 1002, quantity: 2 }] }],
    ['the balance', { ...mug, useBalance: true }],
  ])('gets another key for %s', (_, other) => {
    const first = beginAttempt('u1', mug);
    expect(beginAttempt('u1', other).key).not.toBe(first.key);
  });

  it('belongs to its user', () => {
    const first = beginAttempt('u1', mug);
    expect(pendingAttempt('u2')).toBeUndefined();
    expect(beginAttempt('u2', mug).key).not.toBe(first.key);
  });

  it('is over once it is answered', () => {
    const first = beginAttempt('u1', mug);
    endAttempt(first.key);
    expect(pendingAttempt('u1')).toBeUndefined();
    expect(beginAttempt('u1', mug).key).not.toBe(first.key);
  });

  it('is not ended by the answer to an older one', () => {
    const first = beginAttempt('u1', mug);
    const second = beginAttempt('u1', { ...mug, useBalance: true });
    endAttempt(first.key);
    expect(pendingAttempt('u1')?.key).toBe(second.key);
  });

  it('is forgotten after a day', () => {
    const first = beginAttempt('u1', mug, 0);
    expect(pendingAttempt('u1', 86_399_999)?.key).toBe(first.key);
    expect(pendingAttempt('u1', 86_400_000)).toBeUndefined();
  });

  it('survives storage that holds something else', () => {
    localStorage.setItem('kessai.checkout', '{"key":');
    expect(pendingAttempt('u1')).toBeUndefined();
    expect(beginAttempt('u1', mug).key).not.toBe('');
  });
});
