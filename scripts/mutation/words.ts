// `npm run mutate` leaves the words of messages as they are.
// Tests name the words of an error or of a log line only where a reader acts on them: the code of the error is what programs act on.
// A string without a space or a Chinese character is no message, as a code or a key. The same holds for what the description of an API says to its readers.

interface Node {
  type: string
  static?: boolean
  loc?: { start: { line: number; column: number } } | null
  value?: unknown
  quasis?: { value: { raw: string } }[]
  callee?: Node
  key?: Node
  name?: string
  object?: Node
  property?: Node
}

/** What this file reads of Babel's `NodePath`. */
export interface NodePath {
  node: Node
  parentPath: NodePath | null
}

/** Whether this runs while its module is imported, and never again: it is in no function, and in no field of an object that is made later. */
export function runsAtImport({ parentPath }: NodePath): boolean {
  for (let at = parentPath; at; at = at.parentPath) {
    const { type, static: isStatic } = at.node
    if (/Function|^(Object|Class|ClassPrivate)Method$/.test(type)) return false
    if (/^Class(Private)?Property$/.test(type)) return isStatic === true
  }
  return true
}

/** Between the words and the call that takes them: `a + b`, `a ?? b`, `c ? a : b`. */
const COMPOSED = new Set(['BinaryExpression', 'LogicalExpression', 'ConditionalExpression'])

const WORDS = / |\p{Script=Han}/u

/** The reason why the text at `path` is left as it is; undefined for everything else. */
export function whyIgnored({ node, parentPath }: NodePath): string | undefined {
  if (!isText(node)) return undefined
  let taker = parentPath
  while (taker && COMPOSED.has(taker.node.type)) taker = taker.parentPath
  return taker && takesMessage(taker.node) ? 'the words of a message' : undefined
}

function isText({ type, value, quasis = [] }: Node): boolean {
  if (type === 'StringLiteral') return WORDS.test(String(value))
  return type === 'TemplateLiteral' && quasis.some((part) => WORDS.test(part.value.raw))
}

function takesMessage({ type, key, callee }: Node): boolean {
  // Of a route or a schema.
  if (type === 'ObjectProperty') return /^(summary|description)$/.test(key?.name ?? '')
  if (type === 'NewExpression') return /Error$/.test(callee?.name ?? '')
  if (type !== 'CallExpression' && type !== 'OptionalCallExpression') return false
  // Texts in two languages.
  if (callee?.name === 'say') return true
  const { object, property } = callee ?? {}
  return (
    /^(debug|info|warn|error)$/.test(property?.name ?? '') && /log$/i.test(object?.name ?? object?.property?.name ?? '')
  )
}
