import { useI18n } from 'vue-i18n';
import type { ApiError } from '@/api/problem';

/** What the visitor reads about a failure: by its code, never the server's own words. */
export function useProblemText(): (error: ApiError) => string {
  const { t, te } = useI18n({ useScope: 'global' });
  return (error) => {
    const key = `problem.${error.code}`;
    return te(key) || te(key, 'ja') ? t(key) : t('problem.UNKNOWN');
  };
}
