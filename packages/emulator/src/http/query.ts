/** The parameters of a query, or of a form, each one text. */
export type Params = Partial<Record<string, string>>

/** The query as single strings; of a repeated parameter the first counts. */
export function parseQuery(query: unknown): Params {
  const single: Params = {}
  for (const [name, value] of Object.entries(query ?? {})) {
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first === 'string') single[name] = first
  }
  return single
}
