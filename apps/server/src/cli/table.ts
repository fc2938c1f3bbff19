/** Characters that take two columns in a terminal. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\p{Emoji_Presentation}]/gu
/** Characters that could move the cursor or change colours: names come from users. */
const CONTROL = /\p{Cc}/gu

/** A table with heads, each column as wide as its widest text. */
export function toTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows].map((row) => row.map((text) => text.replaceAll(CONTROL, ' ')))
  const widths = heads.map((_, at) => Math.max(...all.map((row) => widthOf(row[at] ?? ''))))
  const toLine = (row: readonly string[]) =>
    row
      .map((text, at) => text + ' '.repeat((widths[at] ?? 0) - widthOf(text)))
      .join('  ')
      .trimEnd()
  return `${all.map(toLine).join('\n')}\n`
}

function widthOf(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0)
}
