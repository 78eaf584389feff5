import { ref, shallowRef } from 'vue';
import { catalogApi } from '@/api/catalog';
import { asApiError } from '@/api/problem';
import type { ApiError } from '@/api/problem';
import { useCartStore } from '@/stores/cart';
import type { CartChange } from '@/stores/cart';

/** The cart, brought in line with the catalogue's stock and prices as soon as it is looked at. */
export function useFreshCart() {
  const cart = useCartStore();
  const changes = ref<CartChange[]>([]);
  const error = shallowRef<ApiError>();

  async function refresh(): Promise<void> {
    error.value = undefined;
    try {
      changes.value = cart.reconcile(await catalogApi.batch(cart.lines.map((line) => line.productId)));
    } catch (thrown) {
      error.value = asApiError(thrown);
    }
  }

  void refresh();
  return { cart, changes, error, refresh };
}
