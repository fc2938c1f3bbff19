/** Names that JavaScript reserves and WXS does not: a module may call a variable or a function so. */
const FREE_IN_WXS = new Set(
  (
    'class const let enum export import extends super try catch finally throw new in instanceof with debugger ' +
    'interface package private protected public static implements yield await'
  ).split(' '),
)

/** Texts and comments, which stay as they are, and the words between them with what stands around them. */
const TOKENS = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\/\/[^\n]*|\/\*[\s\S]*?\*\/|(\.\s*)?([A-Za-z_$][\w$]*)(?=(\s*:)?)/g

/**
 * The source of a WXS module as JavaScript that does the same.
 *
 * `x.constructor` is a name in WXS (`'Array'`), not a function, so it becomes a key that the world of the app has for
 * this. A word that only JavaScript reserves gets a `$` when the module cannot be read with it. What throws while the
 * module is set up is told with the file.
 *
 * @param path of the file, for messages
 * @throws SyntaxError whose message begins with the file
 * @see https://developers.weixin.qq.com/miniprogram/dev/reference/wxs/
 */
export function toJavaScript(path: string, source: string): string {
  const typed = source.replace(TOKENS, (token, dot?: string, word?: string) =>
    dot && word === 'constructor' ? '[wxsHost.type]' : token,
  )
  const readable = findReadable(path, typed)
  return `try{${readable}\n}catch(e){wxsHost.fail(${JSON.stringify(path)},e)}`
}

function findReadable(path: string, source: string): string {
  try {
    parse(source)
    return source
  } catch (error) {
    const renamed = source.replace(TOKENS, (token, dot?: string, word?: string, colon?: string) =>
      word && !dot && !colon && FREE_IN_WXS.has(word) ? `${word}$` : token,
    )
    try {
      parse(renamed)
      return renamed
    } catch {
      // The first message is about what the author wrote.
      throw new SyntaxError(`${path}: ${(error as Error).message}`, { cause: error })
    }
  }
}

function parse(source: string): void {
  // Only read, never called. In a block, as it will stand.
  new Function('require', 'exports', 'module', `try{${source}\n}finally{}`)
}
