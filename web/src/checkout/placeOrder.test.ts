import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ordersApi } from '@/api/orders';
import { ApiError } from '@/api/problem';
import type { OrderCreated } from '@/api/types';
import { recallChannel } from '@/live/channelStore';
import { recallPayment } from '@/live/paymentStore';
import { pendingAttempt } from './attempt';
import { placeOrder } from './placeOrder';

const request = { items: [{ productId: 1001, quantity: 1 }], useBalance: false };
const created = {
  orderNo: 'A1',
  status: 'WAITING_PAYMENT',
  amount: 2200,
  currency: 'JPY',
  payment: { provider: 'paypay', url: 'https://pay.test/1', deeplink: 'paypay://1', expiresAt: '2999-01-01T00:00:00Z' },
  channel: { token: 't', url: 'ws://shop.test/ws/orders', expiresAt: '2999-01-01T00:00:00Z' },
} as OrderCreated;

describe('placing an order', () => {
  const pauses: number[] = [];
  const pause = (milliseconds: number) => {
    pauses.push(milliseconds);
    return Promise.resolve();
  };

  beforeEach(() => {
    localStorage.clear();
    sessionStorage.clear();
    pauses.length = 0;
  });

  it('remembers how to pay and how to listen, and forgets the key', async () => {
    vi.spyOn(ordersApi, 'create').mockResolvedValue(created);
    await expect(placeOrder('u1', request, pause)).resolves.toEqual(created);
    expect(recallPayment('A1')?.url).toBe('https://pay.test/1');
    expect(recallChannel('A1', 0)?.token).toBe('t');
    expect(pendingAttempt('u1')).toBeUndefined();
  });

  it('asks again with the same key until there is an answer', async () => {
    const create = vi
      .spyOn(ordersApi, 'create')
      .mockRejectedValueOnce(new ApiError('NETWORK', 0))
      .mockRejectedValueOnce(new ApiError('REQUEST_IN_PROGRESS', 409))
      .mockRejectedValueOnce(new ApiError('OVERLOADED', 503, undefined, undefined, [], 7))
      .mockResolvedValue(created);
    await placeOrder('u1', request, pause);
    expect(new Set(create.mock.calls.map(([, key]) => key)).size).toBe(1);
    expect(pauses).toHaveLength(3);
    expect(pauses[2]).toBeGreaterThanOrEqual(7_000);
  });

  it('keeps the key when nobody answers, and uses it for the next click', async () => {
    const create = vi.spyOn(ordersApi, 'create').mockRejectedValue(new ApiError('NETWORK', 0));
    await expect(placeOrder('u1', request, pause)).rejects.toMatchObject({ code: 'NETWORK' });
    const key = pendingAttempt('u1')?.key;
    expect(key).toBeDefined();
    create.mockResolvedValue(created);
    await placeOrder('u1', request, pause);
    expect(create.mock.lastCall?.[1]).toBe(key);
  });

  it('keeps the key over a login', async () => {
    vi.spyOn(ordersApi, 'create').mockRejectedValue(new ApiError('UNAUTHENTICATED', 401));
    await expect(placeOrder('u1', request, pause)).rejects.toMatchObject({ status: 401 });
    expect(pendingAttempt('u1')).toBeDefined();
    expect(pauses).toEqual([]);
  });

  it.each([
    ['OUT_OF_STOCK', 409],
    ['VALIDATION_FAILED', 400],
    ['IDEMPOTENCY_KEY_REUSED', 422],
    ['PAYMENT_UNAVAILABLE', 503],
  ])('takes %s for an answer: once, and the key is spent', async (code, status) => {
    const create = vi.spyOn(ordersApi, 'create').mockRejectedValue(new ApiError(code, status));
    await expect(placeOrder('u1', request, pause)).rejects.toMatchObject({ code });
    expect(create).toHaveBeenCalledOnce();
    expect(pendingAttempt('u1')).toBeUndefined();
  });
});
