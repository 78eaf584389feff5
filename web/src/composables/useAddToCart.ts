import { useI18n } from 'vue-i18n';
import type { Product } from '@/api/types';
import { useLocalized } from '@/i18n';
import { useCartStore } from '@/stores/cart';
import { useNoticeStore } from '@/stores/notices';

/** Puts a product into the cart and says so. */
export function useAddToCart(): (product: Product, quantity?: number) => void {
  const { t } = useI18n();
  const { nameOf } = useLocalized();
  const cart = useCartStore();
  const notices = useNoticeStore();
  return (product, quantity = 1) => {
    const added = cart.add(product, quantity);
    const text = added > 0 ? t('product.added', { name: nameOf(product) }) : t('product.full');
    notices.show(text, { to: { name: 'cart' }, text: t('product.viewCart') });
  };
}
