import { createReadStream } from 'node:fs'
import { type Command, WrongUseError } from '../terminal.ts'

/** How the text of a file is written. GB18030 holds GBK and GB2312, what Excel writes in China. */
export type FileEncoding = 'utf-8' | 'gb18030'

/** The byte order marks of UTF-16. */
const UTF_16 = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])]

/**
 * Finds out how a file is written, by reading all of it: GBK shows itself only at the first Chinese character, which may come
 * late. UTF-8 is almost never valid by chance, so a file that is valid UTF-8 is UTF-8.
 *
 * @throws WrongUseError when it is neither, and says what it is
 */
export async function findEncoding(path: string, { say }: Pick<Command, 'say'>): Promise<FileEncoding> {
  if (await isUtf16(path)) {
    throw new WrongUseError(
      say(
        `${path} is written in UTF-16 (“Unicode Text” in Excel): save it as “CSV UTF-8”`,
        `${path} 是 UTF-16 编码（Excel 的“Unicode 文本”）：请另存为“CSV UTF-8”`,
      ),
    )
  }
  if (await canDecode(path, 'utf-8')) return 'utf-8'
  if (await canDecode(path, 'gb18030')) return 'gb18030'
  throw new WrongUseError(
    say(
      `${path} is neither UTF-8 nor GBK, or is damaged: save it as “CSV UTF-8”`,
      `${path} 既不是 UTF-8 也不是 GBK，或者已损坏：请另存为“CSV UTF-8”`,
    ),
  )
}

async function isUtf16(path: string): Promise<boolean> {
  const [start] = (await createReadStream(path, { end: 1 }).toArray()) as Buffer[]
  return UTF_16.some((mark) => start?.equals(mark))
}

async function canDecode(path: string, encoding: FileEncoding): Promise<boolean> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  try {
    for await (const chunk of createReadStream(path)) decoder.decode(chunk, { stream: true })
    decoder.decode()
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
