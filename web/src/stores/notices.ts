import { defineStore } from 'pinia';
import { ref } from 'vue';
import type { RouteLocationRaw } from 'vue-router';

export interface Notice {
  id: number;
  text: string;
  link?: { to: RouteLocationRaw; text: string };
}

/** Short messages that come and go, for things that went well. Failures stay where they happened. */
export const useNoticeStore = defineStore('notices', () => {
  const notices = ref<Notice[]>([]);
  let nextId = 1;

  function show(text: string, link?: Notice['link']): void {
    notices.value = [...notices.value.slice(-1), { id: nextId++, text, ...(link ? { link } : {}) }];
  }

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }

  return { notices, show, dismiss };
});
