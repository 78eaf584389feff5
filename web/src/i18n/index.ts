import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { createI18n, useI18n } from 'vue-i18n';
import { relative } from '@/format/times';
import en from './en.json';
import ja from './ja.json';

export const LOCALES = ['ja', 'en'] as const;
export type Locale = (typeof LOCALES)[number];

const STORAGE_KEY = 'kessai.locale';

export const i18n = createI18n<[typeof ja], Locale, false>({
  legacy: false,
  locale: rememberedLocale(),
  fallbackLocale: 'ja',
  messages: { ja, en },
});

function rememberedLocale(): Locale {
  try {
    return localStorage.getItem(STORAGE_KEY) === 'en' ? 'en' : 'ja';
  } catch {
    return 'ja';
  }
}

/** Switches the language, remembers it, and tells assistive technology. */
export function setLocale(locale: Locale): void {
  i18n.global.locale.value = locale;
  document.documentElement.lang = locale;
  try {
    localStorage.setItem(STORAGE_KEY, locale);
  } catch {
    // Then it holds until the page is closed.
  }
}

export function currentLocale(): Locale {
  return i18n.global.locale.value;
}

interface Named {
  name: string;
  nameEn?: string | null;
}

/** Names and descriptions of things that the catalogue knows in both languages, and dates. */
export function useLocalized(): {
  isEnglish: ComputedRef<boolean>;
  nameOf: (thing: Named) => string;
  descriptionOf: (thing: { description: string; descriptionEn?: string | null }) => string;
  dateTime: (instant: string) => string;
  date: (instant: string) => string;
  /** With seconds. */
  exactTime: (instant: string) => string;
  /** How long ago, or in how long, seen from `now` in epoch milliseconds. */
  relativeTime: (instant: string, now: number) => string;
} {
  const { locale } = useI18n({ useScope: 'global' });
  const isEnglish = computed(() => locale.value === 'en');
  const tag = computed(() => (isEnglish.value ? 'en-GB' : 'ja-JP'));
  return {
    isEnglish,
    nameOf: (thing) => (isEnglish.value && thing.nameEn) || thing.name,
    descriptionOf: (thing) => (isEnglish.value && thing.descriptionEn) || thing.description,
    dateTime: (instant) =>
      new Date(instant).toLocaleString(tag.value, { dateStyle: 'medium', timeStyle: 'short' }),
    date: (instant) => new Date(instant).toLocaleDateString(tag.value, { dateStyle: 'medium' }),
    exactTime: (instant) => new Date(instant).toLocaleString(tag.value, { dateStyle: 'medium', timeStyle: 'medium' }),
    relativeTime: (instant, now) => relative(instant, now, tag.value),
  };
}
