import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import type { Product } from '@/api/types';

/** Most pieces of one product in an order. */
export const MAX_QUANTITY = 99;

/** What the cart shows before the catalogue has answered, and what it keeps over reloads. */
export interface CartLine {
  productId: number;
  quantity: number;
  product: Pick<Product, 'name' | 'nameEn' | 'price' | 'imageUrl' | 'stock' | 'category'>;
}

/** What {@link useCartStore}'s `reconcile` had to change, so that the buyer is told. */
export interface CartChange {
  productId: number;
  kind: 'reduced' | 'soldOut' | 'gone' | 'repriced';
  product: CartLine['product'];
}

const STORAGE_KEY = 'kessai.cart';

export const useCartStore = defineStore('cart', () => {
  const lines = ref<CartLine[]>(load());

  const buyable = computed(() => lines.value.filter((line) => line.product.stock > 0));
  const count = computed(() => lines.value.reduce((sum, line) => sum + line.quantity, 0));
  /** Yen, of what can be bought. The server reckons its own. */
  const total = computed(() => buyable.value.reduce((sum, line) => sum + line.quantity * line.product.price, 0));

  function find(productId: number): CartLine | undefined {
    return lines.value.find((line) => line.productId === productId);
  }

  /** @returns how many were added: fewer than asked for when stock or the limit ends, 0 when nothing more fits. */
  function add(product: Product, quantity = 1): number {
    const line = find(product.id);
    const before = line?.quantity ?? 0;
    const after = Math.min(before + Math.max(0, Math.trunc(quantity)), limitOf(product.stock));
    if (after <= before) return 0;
    if (line === undefined) lines.value.push({ productId: product.id, quantity: after, product: extract(product) });
    else Object.assign(line, { quantity: after, product: extract(product) });
    return after - before;
  }

  function setQuantity(productId: number, quantity: number): void {
    const line = find(productId);
    if (line === undefined || !Number.isFinite(quantity)) return;
    line.quantity = Math.min(Math.max(1, Math.trunc(quantity)), Math.max(1, limitOf(line.product.stock)));
  }

  function remove(productId: number): void {
    lines.value = lines.value.filter((line) => line.productId !== productId);
  }

  function clear(): void {
    lines.value = [];
  }

  /** Brings the cart in line with the catalogue as it is now. Products that it did not name are gone. */
  function reconcile(products: Product[]): CartChange[] {
    const changes: CartChange[] = [];
    const kept: CartLine[] = [];
    for (const line of lines.value) {
      const product = products.find((candidate) => candidate.id === line.productId);
      if (product === undefined) {
        changes.push({ productId: line.productId, kind: 'gone', product: line.product });
        continue;
      }
      const now = extract(product);
      const quantity = Math.min(line.quantity, Math.max(1, limitOf(product.stock)));
      const kind = kindOfChange(line, now, quantity);
      if (kind !== undefined) changes.push({ productId: line.productId, kind, product: now });
      kept.push({ productId: line.productId, quantity, product: now });
    }
    lines.value = kept;
    return changes;
  }

  /** Another tab changed the cart. */
  function adoptFromStorage(): void {
    lines.value = load();
  }

  watch(lines, save, { deep: true, flush: 'sync' });

  return { lines, buyable, count, total, find, add, setQuantity, remove, clear, reconcile, adoptFromStorage };
});

/** Keeps this tab's cart equal to the other tabs'. */
export function followOtherTabs(cart: ReturnType<typeof useCartStore>): void {
  window.addEventListener('storage', (event) => {
    if (event.key === STORAGE_KEY) cart.adoptFromStorage();
  });
}

export function limitOf(stock: number): number {
  return Math.max(0, Math.min(MAX_QUANTITY, stock));
}

function kindOfChange(line: CartLine, now: CartLine['product'], quantity: number): CartChange['kind'] | undefined {
  if (now.stock === 0) return line.product.stock === 0 ? undefined : 'soldOut';
  if (quantity < line.quantity) return 'reduced';
  return now.price === line.product.price ? undefined : 'repriced';
}

function extract(product: Product): CartLine['product'] {
  const { name, nameEn, price, imageUrl, stock, category } = product;
  return { name, ...(nameEn === undefined ? {} : { nameEn }), price, imageUrl, stock, category };
}

function save(lines: CartLine[]): void {
  const text = JSON.stringify(lines);
  try {
    // Writing what is there already would make two tabs answer each other for ever.
    if (localStorage.getItem(STORAGE_KEY) !== text) localStorage.setItem(STORAGE_KEY, text);
  } catch {
    // Without storage the cart lasts as long as the page.
  }
}

/** Storage can hold anything: another version's cart, or a visitor's edit. What is not a line is dropped. */
function load(): CartLine[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '[]');
    return Array.isArray(value) ? value.filter(isLine) : [];
  } catch {
    return [];
  }
}

function isLine(value: unknown): value is CartLine {
  const line = value as Partial<CartLine> | null;
  return (
    typeof line === 'object' &&
    line !== null &&
    Number.isInteger(line.productId) &&
    Number.isInteger(line.quantity) &&
    (line.quantity ?? 0) >= 1 &&
    (line.quantity ?? 0) <= MAX_QUANTITY &&
    typeof line.product === 'object' &&
    typeof line.product.name === 'string' &&
    typeof line.product.price === 'number' &&
    typeof line.product.stock === 'number'
  );
}
