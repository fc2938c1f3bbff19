import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { IMPORT_COLUMNS, type ImportColumn, type ImportLine } from '@weapp-auth/fastify'
import { CsvError, parse } from 'csv-parse'
import { type Command, WrongUseError } from '../terminal.ts'
import type { FileEncoding } from './file-encoding.ts'

/** The further columns of a file of refused lines. An import ignores them, so that a mended file can be imported as it is. */
export const REFUSED_COLUMNS = ['line', 'reason'] as const

/** A longer line counts as one whose quote was never closed. */
const MAX_LINE_CHARACTERS = 64 * 1024

/** A line of the file, with all that is needed to write it again. */
export interface CsvLine {
  /** Counted from 1, as editors do; the first one has the names of the columns. */
  number: number
  fields: ImportLine
  /** Why the line cannot be read; null: it can be read. */
  broken: string | null
}

/** A file of users that is being read. */
export interface CsvFile {
  lines: AsyncIterable<CsvLine>
  /** How much of the file was read, 0 to 1. */
  readPart(): number
}

/**
 * Reads users out of a CSV file as a stream: commas, fields in double quotes where they hold commas or line breaks, and the names
 * of the columns in the first line, in any order.
 *
 * `lines` throws WrongUseError when the columns are not ours or a quote is never closed.
 */
export function readCsv(
  o: { path: string; size: number; encoding: FileEncoding; ignoreColumns: boolean },
  { say }: Pick<Command, 'say'>,
): CsvFile {
  let readBytes = 0
  let columns: (string | null)[] = []
  return { lines: readLines(), readPart: () => readBytes / o.size }

  async function* readLines(): AsyncGenerator<CsvLine> {
    const parser = parse({
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_LINE_CHARACTERS,
    })
    // Unlike `pipe` it hands an error of the file on to the parser, which throws it below.
    pipeline(Readable.from(decode()), parser, () => {})
    try {
      for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
        if (columns.length === 0) columns = readHeader(record)
        else yield toLine(record, info.lines)
      }
    } catch (error) {
      if (!(error instanceof CsvError)) throw error
      const { message } = error
      throw new WrongUseError(say(`${o.path} is no CSV: ${message}`, `${o.path} 不是有效的 CSV：${message}`))
    }
    if (columns.length === 0) throw new WrongUseError(say(`${o.path} is empty`, `${o.path} 是空文件`))
  }

  async function* decode(): AsyncGenerator<string> {
    // Without the byte order mark in front, which the decoder removes.
    const decoder = new TextDecoder(o.encoding, { fatal: true })
    for await (const chunk of createReadStream(o.path)) {
      readBytes += chunk.length
      yield decoder.decode(chunk, { stream: true })
    }
    yield decoder.decode()
  }

  function readHeader(record: string[]): (string | null)[] {
    const names = record.map((name) => name.trim().toLowerCase())
    const isKnown = (name: string) => isColumn(name) || (REFUSED_COLUMNS as readonly string[]).includes(name)
    const unknown = names.filter((name) => !isKnown(name))
    const ours = IMPORT_COLUMNS.join(',')
    if (!names.some(isColumn)) {
      throw new WrongUseError(
        say(
          `the first line of ${o.path} must name the columns, some of ${ours}, separated by commas`,
          `${o.path} 的第一行必须是列名（${ours} 中的若干个），用逗号隔开`,
        ),
      )
    }
    if (unknown.length > 0 && !o.ignoreColumns) {
      throw new WrongUseError(
        say(
          `${o.path} has columns that say nothing here: ${unknown.join(', ')}; rename them to some of ${ours}, or leave them out with --ignore-columns`,
          `${o.path} 中有无法识别的列：${unknown.join('、')}；请改名为 ${ours} 中的某一个，或用 --ignore-columns 忽略它们`,
        ),
      )
    }
    const twice = names.find((name, at) => isColumn(name) && names.indexOf(name) !== at)
    if (twice)
      throw new WrongUseError(say(`${o.path} has the column ${twice} twice`, `${o.path} 中 ${twice} 列出现了两次`))
    return names.map((name) => (isColumn(name) ? name : null))
  }

  function toLine(record: string[], number: number): CsvLine {
    const fields: ImportLine = {}
    columns.forEach((column, at) => {
      if (column !== null) fields[column as ImportColumn] = record[at] ?? ''
    })
    const isWhole = record.length === columns.length
    return {
      number,
      fields,
      broken: isWhole ? null : `the line has ${record.length} fields, and the first line names ${columns.length}`,
    }
  }
}

function isColumn(name: string): name is ImportColumn {
  return (IMPORT_COLUMNS as readonly string[]).includes(name)
}
