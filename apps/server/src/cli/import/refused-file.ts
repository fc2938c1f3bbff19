import { once } from 'node:events'
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { IMPORT_COLUMNS, type ImportColumn } from '@weapp-auth/fastify'
import { type CsvLine, REFUSED_COLUMNS } from './csv-file.ts'

const BYTE_ORDER_MARK = '\ufeff'

/** The file of lines that are not imported, each with its number and the reason. */
export interface RefusedFile {
  add(line: CsvLine, reason: string): Promise<void>
  close(): Promise<void>
}

/**
 * A CSV file in UTF-8 with a byte order mark, so that Excel reads it too. The first refused line makes the file, which only this user may
 * read. The file of an earlier run is removed.
 */
export function createRefusedFile(path: string): RefusedFile {
  rmSync(path, { force: true })
  let file: WriteStream | null = null
  return {
    async add({ number, fields }, reason) {
      file ??= begin(path)
      const values = [...IMPORT_COLUMNS.map((column: ImportColumn) => fields[column] ?? ''), String(number), reason]
      if (!file.write(toRow(values))) await once(file, 'drain')
    },
    async close() {
      file?.end()
      if (file) await finished(file)
    },
  }
}

function begin(path: string): WriteStream {
  const file = createWriteStream(path, { mode: 0o600 })
  file.write(BYTE_ORDER_MARK + toRow([...IMPORT_COLUMNS, ...REFUSED_COLUMNS]))
  return file
}

function toRow(values: readonly string[]): string {
  return `${values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(',')}\n`
}
