import { call } from './http';
import type { Category, Page, Product, Suggestion } from './types';

export const SORTS = ['relevance', 'newest', 'price_asc', 'price_desc'] as const;
export type Sort = (typeof SORTS)[number];

export interface ProductQuery {
  q?: string;
  category?: string;
  /** Yen, inclusive. */
  minPrice?: number;
  /** Yen, inclusive. */
  maxPrice?: number;
  sort?: Sort;
  /** From 1. */
  page?: number;
  /** 1 to 100. */
  size?: number;
}

export const catalogApi = {
  async categories(): Promise<Category[]> {
    return (await call<{ items: Category[] }>('GET', '/api/categories')).items;
  },

  search(query: ProductQuery, signal?: AbortSignal): Promise<Page<Product>> {
    return call('GET', '/api/products/search', { query: { ...query }, signal });
  },

  product(id: number, signal?: AbortSignal): Promise<Product> {
    return call('GET', `/api/products/${id}`, { signal });
  },

  /** In no particular order; unknown ids are left out. */
  async batch(ids: number[]): Promise<Product[]> {
    if (ids.length === 0) return [];
    return (await call<{ items: Product[] }>('GET', '/api/products/batch', { query: { ids: ids.join(',') } })).items;
  },

  async suggest(q: string, signal?: AbortSignal): Promise<Suggestion[]> {
    return (await call<{ items: Suggestion[] }>('GET', '/api/products/suggest', { query: { q }, signal })).items;
  },
};
