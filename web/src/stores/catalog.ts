import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import { catalogApi } from '@/api/catalog';
import { asApiError } from '@/api/problem';
import type { ApiError } from '@/api/problem';
import type { Category } from '@/api/types';

/** The categories: a handful, the same on every page, so asked for once. */
export const useCatalogStore = defineStore('catalog', () => {
  const categories = shallowRef<Category[]>([]);
  const loaded = ref(false);
  const error = shallowRef<ApiError>();
  let asking: Promise<void> | undefined;

  function ensureCategories(): Promise<void> {
    if (loaded.value) return Promise.resolve();
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function ask(): Promise<void> {
    error.value = undefined;
    try {
      categories.value = await catalogApi.categories();
      loaded.value = true;
    } catch (thrown) {
      error.value = asApiError(thrown);
    }
  }

  return { categories, loaded, error, ensureCategories };
});
