import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/problem';
import type { Channel, OrderUpdate } from '@/api/types';
import { createOrderFeed } from './orderFeed';
import type { Connection, OrderFeed } from './orderFeed';

class FakeSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly sent: string[] = [];
  onopen: (() => void) | null = null;
  /** Open, unless a test says otherwise. */
  readyState = 1;
  closed = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(frame: string): void {
    this.sent.push(frame);
  }

  close(): void {
    this.closed = true;
  }

  says(type: string, order?: Partial<OrderUpdate>): void {
    this.onmessage?.({ data: JSON.stringify({ type, order }) });
  }

  ends(code: number): void {
    this.onclose?.({ code });
  }
}

function order(version: number, status: OrderUpdate['status'] = 'WAITING_PAYMENT'): OrderUpdate {
  return { orderNo: 'A1', status, version };
}

function channel(token: string): Channel {
  return { token, url: 'ws://shop.test/ws/orders', expiresAt: '2999-01-01T00:00:00Z' };
}

describe('an order feed', () => {
  let sockets: FakeSocket[];
  let seen: OrderUpdate[];
  let connections: Connection[];
  let errors: ApiError[];
  let kept: Channel | undefined;
  let answer: () => Promise<OrderUpdate>;
  let renewed: number;
  let fetched: number;
  let feed: OrderFeed;

  /** Lets what is already due happen, without any time passing. */
  const settle = () => vi.advanceTimersByTimeAsync(0);
  const newest = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  };

  /** How many milliseconds of fake time it takes until another socket is opened. */
  async function untilNextSocket(): Promise<number> {
    const before = sockets.length;
    let waited = 0;
    while (sockets.length === before && waited < 60_000) {
      await vi.advanceTimersByTimeAsync(25);
      waited += 25;
    }
    return waited;
  }

  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    sockets = [];
    seen = [];
    connections = [];
    errors = [];
    kept = channel('kept');
    renewed = 0;
    fetched = 0;
    answer = () => Promise.resolve(order(1));
    feed = createOrderFeed(
      'A1',
      {
        fetch: () => {
          fetched += 1;
          return answer();
        },
        recall: () => kept,
        renew: () => {
          renewed += 1;
          kept = channel(`fresh ${renewed}`);
          return Promise.resolve(kept);
        },
        forget: () => {
          kept = undefined;
        },
        open: (url, protocols) => {
          const socket = new FakeSocket(url, protocols);
          sockets.push(socket);
          return socket as unknown as WebSocket;
        },
      },
      {
        onUpdate: (update) => seen.push(update),
        onConnection: (connection) => connections.push(connection),
        onError: (error) => errors.push(error),
      },
    );
  });

  afterEach(() => {
    feed.stop();
    vi.useRealTimers();
  });

  it('opens the socket of its order with the token as a subprotocol', async () => {
    feed.start();
    await settle();
    expect(newest().url).toBe('ws://shop.test/ws/orders?orderNo=A1');
    expect(newest().protocols).toEqual(['kessai.channel', 'kept']);
    expect(renewed).toBe(0);
  });

  it('asks for a channel when it has none', async () => {
    kept = undefined;
    feed.start();
    await settle();
    expect(newest().protocols).toEqual(['kessai.channel', 'fresh 1']);
  });

  it('passes on only versions greater than the last, whatever way they came', async () => {
    feed.start();
    await settle();
    newest().says('SNAPSHOT', order(3));
    newest().says('ORDER_UPDATED', order(2));
    newest().says('ORDER_UPDATED', order(3, 'FAILED'));
    newest().says('ORDER_UPDATED', order(4, 'PAID'));
    expect(seen.map((update) => update.version)).toEqual([1, 3, 4]);
    expect(seen.at(-1)?.status).toBe('PAID');
  });

  it('ignores another order and frames that it does not understand', async () => {
    feed.start();
    await settle();
    newest().says('ORDER_UPDATED', { ...order(9), orderNo: 'B2' });
    newest().says('SOMETHING_NEW', order(9));
    newest().onmessage?.({ data: 'not json' });
    newest().onmessage?.({ data: new ArrayBuffer(2) });
    expect(seen.map((update) => update.version)).toEqual([1]);
  });

  it('asks every few seconds until the snapshot comes, and then no more', async () => {
    feed.start();
    await settle();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(fetched).toBe(3);
    newest().says('SNAPSHOT', order(2));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(fetched).toBe(3);
    expect(connections).toEqual(['live']);
  });

  it('asks at once when the connection is lost, and comes back more and more slowly', async () => {
    feed.start();
    await settle();
    newest().says('SNAPSHOT', order(2));
    answer = () => Promise.resolve(order(5, 'PAID'));
    newest().ends(1006);
    await settle();
    expect(seen.at(-1)?.version).toBe(5);
    expect(connections).toEqual(['live', 'polling']);

    const pauses: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      pauses.push(await untilNextSocket());
      newest().ends(1006);
    }
    expect(pauses.slice(0, 4)).toEqual([375, 750, 1500, 3000]);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(20_000);
  });

  it('starts over with short pauses after a connection that worked', async () => {
    feed.start();
    await settle();
    for (let round = 0; round < 4; round += 1) {
      newest().ends(1013);
      await untilNextSocket();
    }
    newest().says('SNAPSHOT', order(2));
    newest().ends(1006);
    expect(await untilNextSocket()).toBe(375);
  });

  it('replaces a refused token at once, but not again and again', async () => {
    feed.start();
    await settle();
    newest().ends(4401);
    await settle();
    expect(sockets).toHaveLength(2);
    expect(newest().protocols[1]).toBe('fresh 1');

    newest().ends(4401);
    await settle();
    expect(sockets).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(newest().protocols[1]).toBe('fresh 2');
  });

  it('gives up a connection that does not answer a ping', async () => {
    feed.start();
    await settle();
    newest().says('SNAPSHOT', order(2));
    await vi.advanceTimersByTimeAsync(25_000);
    expect(newest().sent).toEqual(['{"type":"PING"}']);
    newest().says('PONG');
    await vi.advanceTimersByTimeAsync(25_000);
    expect(connections).toEqual(['live']);

    const dead = newest();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(dead.closed).toBe(true);
    expect(connections).toEqual(['live', 'polling']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(newest()).not.toBe(dead);
  });

  it('stops for good when the order is not there', async () => {
    answer = () => Promise.reject(new ApiError('ORDER_NOT_FOUND', 404));
    feed.start();
    await settle();
    expect(connections).toEqual(['stopped']);
    expect(errors.map((error) => error.code)).toEqual(['ORDER_NOT_FOUND']);
    expect(newest().closed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('goes on asking when the shop cannot be reached', async () => {
    answer = () => Promise.reject(new ApiError('NETWORK', 0));
    feed.start();
    await settle();
    answer = () => Promise.resolve(order(7));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(errors).toHaveLength(1);
    expect(seen.map((update) => update.version)).toEqual([7]);
  });

  it('tries now when it is nudged', async () => {
    feed.start();
    await settle();
    newest().ends(1013);
    await settle();
    const [socketsBefore, fetchedBefore] = [sockets.length, fetched];
    feed.nudge();
    await settle();
    expect(sockets.length).toBe(socketsBefore + 1);
    expect(fetched).toBe(fetchedBefore + 1);
  });

  it('lets a handshake finish before it hangs up, since browsers report one that is cut off', async () => {
    feed.start();
    await settle();
    newest().readyState = 0;
    feed.stop();
    expect(newest().closed).toBe(false);
    newest().onopen?.();
    expect(newest().closed).toBe(true);
  });

  it('leaves nothing behind when it is stopped', async () => {
    feed.start();
    await settle();
    const socket = newest();
    socket.says('SNAPSHOT', order(2));
    feed.stop();
    socket.says('ORDER_UPDATED', order(3, 'PAID'));
    socket.ends(1006);
    expect(socket.closed).toBe(true);
    expect(seen.map((update) => update.version)).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
