import { afterEach, describe, expect, it } from 'vitest';
import schema from '@/api/schema.gen.ts?raw';
import { ALERT_RULES } from '@/composables/useAlertQuery';
import adminEn from './admin/en.json';
import adminJa from './admin/ja.json';
import en from './en.json';
import { i18n, setLocale } from './index';
import ja from './ja.json';

function flatten(tree: object, prefix = ''): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]): [string, string][] =>
      typeof value === 'string' ? [[prefix + key, value]] : [...flatten(value as object, `${prefix}${key}.`)],
    ),
  );
}

const japanese = flatten({ ...ja, ...adminJa });
const english = flatten({ ...en, ...adminEn });
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe('the words', () => {
  it('are the same ones in both languages', () => {
    expect([...english.keys()].sort()).toEqual([...japanese.keys()].sort());
  });

  it.each([...japanese.keys()])('%s is said, with the same blanks, in both', (key) => {
    expect(japanese.get(key)?.trim()).toBeTruthy();
    expect(english.get(key)?.trim()).toBeTruthy();
    expect(placeholders(english.get(key) ?? '')).toEqual(placeholders(japanese.get(key) ?? ''));
  });

  it.each([
    ['ProblemCode', 'problem'],
    ['FailCode', 'failCode'],
    ['OrderStatus', 'orderStatus'],
    ['SagaPhase', 'admin.phase'],
    ['SagaPhase', 'admin.phaseText'],
    ['SagaStatus', 'admin.status'],
    ['SagaStatus', 'admin.undone'],
    ['SagaAction', 'admin.actions'],
  ])('name every %s of the API', (type, prefix) => {
    const union = new RegExp(`\\b${type}: ("[^;]+);`).exec(schema)?.[1] ?? '';
    const codes = [...union.matchAll(/"(\w+)"/g)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.filter((code) => !japanese.has(`${prefix}.${code}`) && !japanese.has(`${prefix}.${code}.name`))).toEqual([]);
  });

  it('name every rule by which an alert may be raised', () => {
    // A newer worker may raise others, so they are no union: the API's description names them.
    const described = /([^;]+)ruleId: string;/.exec(schema)?.[1] ?? '';
    const rules = [...described.matchAll(/`([A-Z])`: /g)].map((match) => match[1]);
    expect(rules).toEqual([...ALERT_RULES]);
    expect(rules.filter((rule) => !japanese.has(`admin.alertRule.${rule}`) || !english.has(`admin.alertRule.${rule}`))).toEqual([]);
  });

  afterEach(() => setLocale('ja'));

  it('switch, stay switched, and tell the browser', () => {
    expect(i18n.global.locale.value).toBe('ja');
    setLocale('en');
    expect(document.documentElement.lang).toBe('en');
    expect(localStorage.getItem('kessai.locale')).toBe('en');
  });
});
