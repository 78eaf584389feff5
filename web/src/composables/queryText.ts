import type { LocationQuery } from 'vue-router';

/** A parameter of the address without spaces around it, cut to `longest` characters; undefined if it says nothing. */
export function queryText(raw: LocationQuery, name: string, longest: number): string | undefined {
  const value = raw[name];
  return typeof value === 'string' && value.trim() !== '' ? value.trim().slice(0, longest) : undefined;
}

/** What is set, as an address has it. */
export function writeQuery(query: object): Record<string, string> {
  return Object.fromEntries(Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}
