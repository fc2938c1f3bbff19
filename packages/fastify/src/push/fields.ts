import sax from 'sax'

/** The fields of a message by name, in WeChat's spelling. Only texts and numbers are fields. */
export type Fields = ReadonlyMap<string, string>

/**
 * Reads a message, whichever of the two formats WeChat was told to send.
 *
 * @returns null for a text that is neither JSON nor XML
 */
export function parseFields(text: string): Fields | null {
  return text.trimStart().startsWith('<') ? parseXml(text) : parseJson(text)
}

function parseJson(text: string): Fields | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
  const isField = ([, value]: [string, unknown]) => typeof value === 'string' || typeof value === 'number'
  // WeChat's page of account events shows names with a space before them.
  return new Map(
    Object.entries(parsed)
      .filter(isField)
      .map(([name, value]) => [name.trim(), String(value)]),
  )
}

/**
 * Reads the children of the root that hold text alone. A document type is refused, because it could declare entities, and WeChat sends
 * none. The entities that the parser knows by itself stand for one character each.
 */
function parseXml(text: string): Fields | null {
  const fields = new Map<string, string>()
  const open: { name: string; text: string; hasChild: boolean }[] = []
  const parser = sax.parser(true)
  parser.onerror = (error) => {
    throw error
  }
  parser.ondoctype = () => {
    throw new Error('a document type')
  }
  parser.onopentag = ({ name }) => {
    const parent = open.at(-1)
    if (parent) parent.hasChild = true
    open.push({ name, text: '', hasChild: false })
  }
  const addText = (part: string) => {
    const element = open.at(-1)
    if (element) element.text += part
  }
  parser.ontext = addText
  parser.oncdata = addText
  parser.onclosetag = () => {
    const element = open.pop()
    if (element && open.length === 1 && !element.hasChild) fields.set(element.name, element.text)
  }
  try {
    parser.write(text).close()
  } catch {
    return null
  }
  return fields
}
