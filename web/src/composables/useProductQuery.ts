import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import type { LocationQuery } from 'vue-router';
import { SORTS } from '@/api/catalog';
import type { ProductQuery, Sort } from '@/api/catalog';

/** Four rows of four, or six of two on a phone. */
export const PAGE_SIZE = 24;

/** What is asked of the catalogue lives in the address: it can be sent to a friend, and "back" works. */
export function useProductQuery() {
  const route = useRoute();
  const router = useRouter();
  const query = computed(() => readQuery(route.query));
  const filtered = computed(() => query.value.minPrice !== undefined || query.value.maxPrice !== undefined);

  /** Changes a part; what is undefined goes. Unless the page itself is meant, the list starts over. */
  function change(part: Partial<ProductQuery>): void {
    void router.push({ name: 'products', query: writeQuery({ ...query.value, page: 1, ...part }) });
  }

  return { query, filtered, change };
}

/** Addresses are typed by people: what makes no sense is left out. */
export function readQuery(raw: LocationQuery): ProductQuery {
  const text = (name: string): string | undefined => {
    const value = raw[name];
    return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, 100) : undefined;
  };
  const integer = (name: string): number | undefined => {
    const value = text(name);
    return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
  };
  const sort = text('sort');
  return {
    q: text('q'),
    category: text('category'),
    minPrice: integer('minPrice'),
    maxPrice: integer('maxPrice'),
    sort: isSort(sort) ? sort : 'relevance',
    page: Math.max(1, integer('page') ?? 1),
    size: PAGE_SIZE,
  };
}

export function writeQuery(query: ProductQuery): Record<string, string> {
  const { q, category, minPrice, maxPrice, sort, page } = query;
  const all = { q, category, minPrice, maxPrice, sort: sort === 'relevance' ? undefined : sort, page: page === 1 ? undefined : page };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function isSort(text: string | undefined): text is Sort {
  return text !== undefined && (SORTS as readonly string[]).includes(text);
}
