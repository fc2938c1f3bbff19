// Changes that Stryker does not make: of what a store asks its database. A query of Kysely loses one clause, a command of Redis one
// of its options, a condition of written SQL is always true, and a script for Redis is changed in the small ways in which Stryker
// changes JavaScript.

/** What this file reads of a node of Babel. */
interface Node {
  type: string
  start?: number | null
  end?: number | null
  value?: unknown
  callee?: Node
  object?: Node
  property?: Node
  name?: string
  arguments?: Node[]
  quasis?: Quasi[]
}

interface Quasi extends Node {
  value: { raw: string }
}

/** The text of a source from `start` to `end`, and what stands there instead. */
export interface Edit {
  start: number
  end: number
  by: string
}

/** A mutator as Stryker takes it. */
export interface QueryMutator {
  name: string
  mutate(path: { node: object }): Iterable<object>
  /** The place of a change. Stryker tells only the whole statement or script that holds it. */
  findEdit(name: string): Edit | undefined
}

const CLAUSES = /^(where|whereRef|orderBy|limit|forUpdate)$/
/** Options of a command of Redis, with how many arguments each has. */
const OPTIONS: Record<string, number> = { NX: 0, XX: 0, KEEPTTL: 0, PX: 1 }
const SCRIPT = /\bredis\.p?call\(|\blocal function\b/
const SQL = /^\s*(select|insert|update|delete|with) /i
const CONDITION = /\b(?:where|and) ([\w.]+ (?:=|<>|[<>]=?|is(?: not)?) (?:\?|\w+))/gi

/** Stryker notes the name of a mutator with each change. This one takes another name for each, to find the place of the change. */
export function createQueryMutator(): QueryMutator {
  const edits = new Map<string, Edit>()
  const mutator: QueryMutator = {
    name: 'Query',
    *mutate({ node }) {
      for (const { replacement, ...edit } of changesOf(node as Node)) {
        mutator.name = `Query ${edits.size}`
        edits.set(mutator.name, edit)
        yield replacement
      }
    },
    findEdit: (name) => edits.get(name),
  }
  return mutator
}

/** The changes of one node, each with the node that takes its place. */
export function changesOf(node: Node): (Edit & { replacement: Node })[] {
  switch (node.type) {
    case 'CallExpression':
      return [...withoutClause(node), ...withoutOptions(node)]
    case 'StringLiteral':
      return changesOfText(node)
    case 'TemplateLiteral':
      return changesOfTemplate(node)
    default:
      return []
  }
}

function withoutClause({ callee, end }: Node): (Edit & { replacement: Node })[] {
  if (!callee?.object || !CLAUSES.test(callee.property?.name ?? '')) return []
  return [
    { start: Number(callee.property?.start), end: Number(end), by: '', replacement: structuredClone(callee.object) },
  ]
}

function withoutOptions(node: Node): (Edit & { replacement: Node })[] {
  const all = node.arguments ?? []
  return all.flatMap(({ type, value, start }, index) => {
    const count = type === 'StringLiteral' ? OPTIONS[String(value)] : undefined
    if (count === undefined) return []
    const replacement = structuredClone(node)
    replacement.arguments?.splice(index, 1 + count)
    return [{ start: Number(start), end: Number(all[index + count]?.end), by: '', replacement }]
  })
}

function changesOfText(node: Node): (Edit & { replacement: Node })[] {
  const text = String(node.value)
  const from = Number(node.start) + 1
  return (SQL.test(text) ? editsOfSql(text) : []).map(({ start, end, by }) => ({
    start: from + start,
    end: from + end,
    by,
    replacement: { type: node.type, value: text.slice(0, start) + by + text.slice(end) },
  }))
}

function changesOfTemplate(node: Node): (Edit & { replacement: Node })[] {
  const parts = node.quasis ?? []
  const has = (what: RegExp) => parts.some(({ value: { raw } }) => what.test(raw))
  const editsOf = has(SCRIPT) ? editsOfScript : has(SQL) ? editsOfSql : () => []
  return parts.flatMap(({ value: { raw }, start: from }, index) =>
    editsOf(raw).map(({ start, end, by }) => {
      const replacement = structuredClone(node)
      const changed = replacement.quasis?.[index]
      if (changed) changed.value = { raw: raw.slice(0, start) + by + raw.slice(end) }
      return { start: Number(from) + start, end: Number(from) + end, by, replacement }
    }),
  )
}

/** The conditions of a statement, each as one that is always true and takes the same parameters. */
export function editsOfSql(text: string): Edit[] {
  return [...text.matchAll(CONDITION)].map(({ index, 0: all, 1: condition = '' }) => {
    const start = index + all.length - condition.length
    return { start, end: start + condition.length, by: `(${condition} or 1 = 1)` }
  })
}

const OPPOSITES: Record<string, string> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>', and: 'or', or: 'and' }

/** The changes of a script in Lua, or of a part of one. */
export function editsOfScript(text: string): Edit[] {
  const edits: Edit[] = []
  const add = (start: number, length: number, ...instead: string[]) => {
    for (const by of instead) edits.push({ start, end: start + length, by })
  }
  for (const { index, 1: condition = '' } of text.matchAll(/\bif (.+?) then\b/g))
    add(index + 'if '.length, condition.length, 'true', 'false')
  for (const { index, 0: operator } of text.matchAll(/(?<= )([<>]=?|and|or)(?= )/g))
    add(index, operator.length, OPPOSITES[operator] ?? '')
  for (const { index, 0: option } of text.matchAll(/,\s+'(NX|XX|KEEPTTL|PX', [\w.]+(\[\d\])?)'?/g))
    add(index, option.length, '')
  // A call that is a whole statement, and stands in this part as a whole.
  for (const { index, 0: start } of text.matchAll(/(?<=^ *|\bthen |\bdo )[\w.]+\(/gm)) {
    const length = lengthOfCall(text.slice(index), start.length)
    if (length !== null) add(index, length, '')
  }
  return edits
}

function lengthOfCall(text: string, start: number): number | null {
  let open = 1
  for (let at = start; at < text.length; at++) {
    open += text[at] === '(' ? 1 : text[at] === ')' ? -1 : 0
    if (open === 0) return at + 1
  }
  return null
}
