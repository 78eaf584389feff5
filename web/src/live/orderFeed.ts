import { asApiError } from '@/api/problem';
import type { ApiError } from '@/api/problem';
import type { Channel, OrderUpdate } from '@/api/types';
import { backoffDelay } from './backoff';
import { CLOSE_BAD_TOKEN, CLOSE_NO_SUCH_ORDER, parseServerMessage } from './messages';

/**
 * Follows one order: by WebSocket where that works, by asking every few seconds while it does not.
 *
 * # Contract
 * - `onUpdate` is called only with versions greater than every one before.
 * - While the connection is not `live` the order is asked for again and again; once it is, only the socket is heard.
 * - A refused token (4401) is replaced by a fresh one at once, and after that as slowly as any failure.
 * - After `stop` nothing is called, and no timer or socket is left.
 */
export interface OrderFeed {
  start(): void;
  stop(): void;
  /** The network came back or the page came into view: try now instead of when the pause is over. */
  nudge(): void;
}

/** `live`: pushed. `polling`: asked for. `stopped`: the order cannot be followed. */
export type Connection = 'connecting' | 'live' | 'polling' | 'stopped';

export interface FeedSource {
  /** The order as it is now. */
  fetch(): Promise<OrderUpdate>;
  /** A channel kept from before, if it still holds. */
  recall(): Channel | undefined;
  /** A fresh channel from the server, kept for the next time. */
  renew(): Promise<Channel>;
  forget(): void;
  open(url: string, protocols: string[]): WebSocket;
}

export interface FeedListener {
  onUpdate(order: OrderUpdate): void;
  onConnection(connection: Connection): void;
  /** Asking failed; the feed goes on trying unless the connection is `stopped`. */
  onError(error: ApiError): void;
}

const POLL_MS = 3_000;
const PING_MS = 25_000;
/** A socket that does not answer a ping in this time is dead, whatever its state says. */
const PONG_MS = 10_000;
/** A handshake that takes longer is given up. */
const OPEN_MS = 10_000;
/** `WebSocket.CONNECTING`. */
const CONNECTING = 0;

export function createOrderFeed(orderNo: string, source: FeedSource, listener: FeedListener): OrderFeed {
  let running = false;
  let connection: Connection = 'connecting';
  let version = -1;
  let failures = 0;
  let refusedBefore = false;
  let connecting = false;
  let polling = false;
  let socket: WebSocket | undefined;
  let reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  let pollTimer: ReturnType<typeof setTimeout> | undefined;
  let livenessTimer: ReturnType<typeof setTimeout> | undefined;

  function start(): void {
    if (running) return;
    running = true;
    void connect();
    void poll();
  }

  function stop(): void {
    running = false;
    clearTimeout(reconnectTimer);
    clearTimeout(pollTimer);
    // A handshake that is cut off is an error in the browser's console: one under way is ended as soon as it is done.
    const old = socket;
    if (old?.readyState === CONNECTING) {
      socket = undefined;
      clearTimeout(livenessTimer);
      old.onopen = () => old.close();
    } else {
      dropSocket();
    }
  }

  function nudge(): void {
    if (!running || connection === 'live' || connection === 'stopped') return;
    failures = 0;
    clearTimeout(reconnectTimer);
    clearTimeout(pollTimer);
    void connect();
    void poll();
  }

  function become(next: Connection): void {
    if (connection === next) return;
    connection = next;
    listener.onConnection(next);
  }

  function apply(order: OrderUpdate): void {
    if (order.orderNo !== orderNo || order.version <= version) return;
    version = order.version;
    listener.onUpdate(order);
  }

  async function poll(): Promise<void> {
    if (polling) return;
    polling = true;
    try {
      const order = await source.fetch();
      if (running) apply(order);
    } catch (thrown) {
      if (running) failed(asApiError(thrown));
    } finally {
      polling = false;
    }
    clearTimeout(pollTimer);
    if (running && connection !== 'live') pollTimer = setTimeout(() => void poll(), POLL_MS);
  }

  /** No order or no session: no use in trying again. Everything else may pass. */
  function failed(error: ApiError): void {
    listener.onError(error);
    if (error.status === 401 || error.status === 403 || error.status === 404) {
      stop();
      become('stopped');
    }
  }

  async function connect(): Promise<void> {
    if (connecting || socket !== undefined) return;
    connecting = true;
    try {
      const channel = source.recall() ?? (await source.renew());
      if (running) attach(source.open(address(channel.url), ['kessai.channel', channel.token]));
    } catch (thrown) {
      const error = asApiError(thrown);
      // A final order has no channel any more; asking tells its state.
      if (running && error.status !== 409) failed(error);
      if (running) retryLater();
    } finally {
      connecting = false;
    }
  }

  function address(url: string): string {
    return `${url}${url.includes('?') ? '&' : '?'}orderNo=${encodeURIComponent(orderNo)}`;
  }

  function attach(opened: WebSocket): void {
    socket = opened;
    livenessTimer = setTimeout(lost, OPEN_MS);
    opened.onmessage = (event: MessageEvent<unknown>) => {
      if (socket === opened) heard(event.data);
    };
    opened.onclose = (event: CloseEvent) => {
      if (socket === opened) closed(event.code);
    };
  }

  function heard(frame: unknown): void {
    const message = parseServerMessage(frame);
    if (message === undefined) return;
    if (message.type === 'SNAPSHOT') {
      failures = 0;
      refusedBefore = false;
      clearTimeout(pollTimer);
      become('live');
    }
    clearTimeout(livenessTimer);
    livenessTimer = setTimeout(ping, PING_MS);
    if (message.type !== 'PONG') apply(message.order);
  }

  function ping(): void {
    socket?.send(JSON.stringify({ type: 'PING' }));
    livenessTimer = setTimeout(lost, PONG_MS);
  }

  function lost(): void {
    dropSocket();
    closed(1006);
  }

  function closed(code: number): void {
    clearTimeout(livenessTimer);
    socket = undefined;
    if (!running) return;
    if (code === CLOSE_BAD_TOKEN) source.forget();
    const atOnce = code === CLOSE_BAD_TOKEN && !refusedBefore;
    refusedBefore = code === CLOSE_BAD_TOKEN;
    become('polling');
    // One question straight away: something may have happened between the last message and the end.
    clearTimeout(pollTimer);
    void poll();
    if (code === CLOSE_NO_SUCH_ORDER) return;
    if (atOnce) void connect();
    else retryLater();
  }

  function retryLater(): void {
    become('polling');
    clearTimeout(reconnectTimer);
    reconnectTimer = setTimeout(() => void connect(), backoffDelay(failures));
    failures += 1;
  }

  function dropSocket(): void {
    clearTimeout(livenessTimer);
    const old = socket;
    socket = undefined;
    old?.close();
  }

  return { start, stop, nudge };
}
