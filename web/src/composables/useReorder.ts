import { catalogApi } from '@/api/catalog';
import type { Order } from '@/api/types';
import { useCartStore } from '@/stores/cart';

/** Puts an order's products back into the cart, as far as they are still sold. */
export function useReorder(): (order: Order) => Promise<void> {
  const cart = useCartStore();
  return async (order) => {
    const products = await catalogApi.batch(order.lines.map((line) => line.productId));
    for (const line of order.lines) {
      const product = products.find(({ id }) => id === line.productId);
      if (product !== undefined) cart.add(product, line.quantity);
    }
  };
}
