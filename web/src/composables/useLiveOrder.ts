import { onScopeDispose, readonly, ref, shallowRef } from 'vue';
import { ordersApi } from '@/api/orders';
import type { ApiError } from '@/api/problem';
import type { Order, OrderUpdate } from '@/api/types';
import { forgetChannel, recallChannel, rememberChannel } from '@/live/channelStore';
import { createOrderFeed } from '@/live/orderFeed';
import type { Connection, FeedSource } from '@/live/orderFeed';
import { serverNow } from '@/live/serverClock';

/**
 * One order, kept up to date until the component goes. The first state comes whole, by HTTP; later ones are merged
 * into it, and `refresh` reads it whole again where lines or timeline are shown.
 */
export function useLiveOrder(orderNo: string) {
  const order = shallowRef<Order>();
  const connection = ref<Connection>('connecting');
  const error = shallowRef<ApiError>();

  function take(update: OrderUpdate): void {
    error.value = undefined;
    if (isWhole(update)) order.value = update;
    else if (order.value !== undefined) order.value = { ...order.value, ...update };
    else void refresh();
  }

  async function refresh(): Promise<void> {
    const fetched = await ordersApi.get(orderNo);
    if (order.value === undefined || fetched.version >= order.value.version) order.value = fetched;
  }

  const feed = createOrderFeed(orderNo, sourceOf(orderNo), {
    onUpdate: take,
    onConnection: (next) => {
      connection.value = next;
    },
    onError: (failure) => {
      error.value = failure;
    },
  });

  const nudge = (): void => {
    if (document.visibilityState === 'visible') feed.nudge();
  };
  window.addEventListener('online', nudge);
  document.addEventListener('visibilitychange', nudge);
  feed.start();
  onScopeDispose(() => {
    window.removeEventListener('online', nudge);
    document.removeEventListener('visibilitychange', nudge);
    feed.stop();
  });

  return { order, connection: readonly(connection), error, refresh, stop: feed.stop };
}

function isWhole(update: OrderUpdate): update is Order {
  return 'lines' in update && 'timeline' in update;
}

function sourceOf(orderNo: string): FeedSource {
  return {
    fetch: () => ordersApi.get(orderNo),
    recall: () => recallChannel(orderNo, serverNow()),
    renew: async () => {
      const channel = await ordersApi.channel(orderNo);
      rememberChannel(orderNo, channel);
      return channel;
    },
    forget: () => forgetChannel(orderNo),
    open: (url, protocols) => new WebSocket(url, protocols),
  };
}
