/** The query as single strings; of a repeated parameter the first counts. */
export function parseQuery(query: unknown): Partial<Record<string, string>> {
  const single: Partial<Record<string, string>> = {}
  for (const [name, value] of Object.entries(query ?? {})) {
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first === 'string') single[name] = first
  }
  return single
}
