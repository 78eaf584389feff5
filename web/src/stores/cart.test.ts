import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Product } from '@/api/types';
import { followOtherTabs, useCartStore } from './cart';

function product(id: number, stock = 10, price = 500): Product {
  return { id, name: `品${id}`, description: '', price, category: 'kitchen', imageUrl: `/images/products/${id}.svg`, stock };
}

/** A store as the page has it after a reload. */
function reloaded() {
  setActivePinia(createPinia());
  return useCartStore();
}

describe('the cart', () => {
  beforeEach(() => {
    localStorage.clear();
    setActivePinia(createPinia());
  });

  it('adds up pieces and yen', () => {
    const cart = useCartStore();
    cart.add(product(1), 2);
    cart.add(product(2, 10, 1200));
    cart.add(product(1));
    expect(cart.lines).toHaveLength(2);
    expect([cart.count, cart.total]).toEqual([4, 2700]);
  });

  it('survives a reload', () => {
    const cart = useCartStore();
    cart.add(product(1), 2);
    cart.setQuantity(1, 5);
    expect(reloaded().lines).toMatchObject([{ productId: 1, quantity: 5, product: { name: '品1' } }]);
  });

  it('is empty after a reload when it was emptied', () => {
    const cart = useCartStore();
    cart.add(product(1));
    cart.add(product(2));
    cart.remove(1);
    expect(reloaded().lines.map((line) => line.productId)).toEqual([2]);
    useCartStore().clear();
    expect(reloaded().lines).toEqual([]);
  });

  it('never takes more than the stock, and says how many it took', () => {
    const cart = useCartStore();
    expect(cart.add(product(1, 3), 2)).toBe(2);
    expect(cart.add(product(1, 3), 2)).toBe(1);
    expect(cart.add(product(1, 3))).toBe(0);
    expect(cart.add(product(2, 0))).toBe(0);
    expect(cart.count).toBe(3);
  });

  it('never takes more than 99 of one product', () => {
    const cart = useCartStore();
    expect(cart.add(product(1, 500), 200)).toBe(99);
    cart.setQuantity(1, 1000);
    expect(cart.count).toBe(99);
  });

  it.each([
    [0, 1],
    [-4, 1],
    [2.9, 2],
    [7, 7],
    [11, 10],
    [Number.NaN, 4],
  ])('makes %d pieces %d of a stock of 10', (asked, got) => {
    const cart = useCartStore();
    cart.add(product(1, 10), 4);
    cart.setQuantity(1, asked);
    expect(cart.count).toBe(got);
  });

  it.each(['{', '{"lines":[]}', 'null', '[null,1,{"productId":1}]', '[{"productId":1,"quantity":100,"product":{"name":"x","price":1,"stock":1}}]'])(
    'drops what is no cart: %s',
    (text) => {
      localStorage.setItem('kessai.cart', text);
      expect(reloaded().lines).toEqual([]);
    },
  );

  it('follows the catalogue and tells what it changed', () => {
    const cart = useCartStore();
    [1, 2, 3, 4, 5].forEach((id) => cart.add(product(id), 4));
    const changes = cart.reconcile([product(1), product(2, 3), product(3, 0), product(4, 10, 600)]);
    expect(changes.map(({ productId, kind }) => [productId, kind])).toEqual([
      [2, 'reduced'],
      [3, 'soldOut'],
      [4, 'repriced'],
      [5, 'gone'],
    ]);
    expect(cart.lines.map((line) => line.productId)).toEqual([1, 2, 3, 4]);
    expect(cart.buyable.map((line) => line.productId)).toEqual([1, 2, 4]);
    expect(cart.total).toBe(4 * 500 + 3 * 500 + 4 * 600);
    expect(cart.reconcile([product(1), product(2, 3), product(3, 0), product(4, 10, 600)])).toEqual([]);
  });

  it('follows another tab', () => {
    const cart = useCartStore();
    followOtherTabs(cart);
    cart.add(product(1));
    const other = JSON.stringify([{ productId: 2, quantity: 3, product: product(2) }]);
    localStorage.setItem('kessai.cart', other);
    window.dispatchEvent(new StorageEvent('storage', { key: 'kessai.cart' }));
    expect(cart.lines.map((line) => [line.productId, line.quantity])).toEqual([[2, 3]]);
    expect(localStorage.getItem('kessai.cart')).toBe(other);
  });
});
