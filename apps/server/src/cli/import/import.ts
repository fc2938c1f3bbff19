import { stat } from 'node:fs/promises'
import { parse as parsePath, resolve } from 'node:path'
import { type ImportOutcome, isUtcOffset, MAX_IMPORT_LINES } from '@weapp-auth/fastify'
import type { ImportCounts } from '../../upkeep/upkeep.ts'
import { readConfig } from '../config.ts'
import { type OpenedUpkeep, openUpkeep } from '../open-upkeep.ts'
import { operator } from '../operator.ts'
import { createProgress } from '../progress.ts'
import { type Command, EXIT, WrongUseError } from '../terminal.ts'
import { type CsvLine, readCsv } from './csv-file.ts'
import { findEncoding } from './file-encoding.ts'
import { createRefusedFile, type RefusedFile } from './refused-file.ts'

/** Options of `weapp-auth import`. */
export interface ImportOptions {
  dryRun?: boolean
  ignoreColumns?: boolean
  utcOffset: string
  refused?: string
  json?: boolean
}

/**
 * Imports users from a CSV file. It can be stopped at any time. A new start reads the file from its beginning, where the lines that were
 * taken count as done, and has the same result as an import that was not stopped.
 *
 * @returns `failed` when a line was refused
 */
export async function importUsers(command: Command, path: string, options: ImportOptions): Promise<number> {
  const { say, stderr, stdout } = command
  if (!isUtcOffset(options.utcOffset)) {
    throw new WrongUseError(say('--utc-offset must be like +08:00 or Z', '--utc-offset 必须形如 +08:00 或 Z'))
  }
  const refusedPath = options.refused ?? defaultRefusedPath(path)
  if (resolve(refusedPath) === resolve(path)) {
    throw new WrongUseError(say('--refused must name another file', '--refused 必须是另一个文件'))
  }
  const size = await sizeOf(path, command)
  const encoding = await findEncoding(path, command)
  if (encoding !== 'utf-8') {
    stderr.write(say(`${path} is not UTF-8: it is read as GBK\n`, `${path} 不是 UTF-8 编码，按 GBK 读取\n`))
  }
  const file = readCsv({ path, size, encoding, ignoreColumns: options.ignoreColumns ?? false }, command)
  const counts: ImportCounts = { made: 0, filled: 0, done: 0, refused: 0 }
  const upkeep = await openUpkeep(readConfig(command), command)
  const refused = createRefusedFile(refusedPath)
  const progress = createProgress(stderr)
  const startedAtMs = performance.now()
  try {
    for await (const batch of inBatches(file.lines)) {
      await importBatch(batch, { upkeep, options, refused, counts })
      progress.show(() => progressLine(counts, file.readPart(), performance.now() - startedAtMs, command))
    }
    if (!options.dryRun) await upkeep.recordImport(counts, operator())
  } finally {
    progress.end()
    await refused.close()
    await upkeep.close()
  }
  const report = { ...counts, dryRun: options.dryRun ?? false, ...(counts.refused > 0 && { refusedFile: refusedPath }) }
  stdout.write(options.json ? `${JSON.stringify(report)}\n` : describe(report, command))
  return counts.refused > 0 ? EXIT.failed : EXIT.done
}

async function importBatch(
  batch: CsvLine[],
  o: { upkeep: OpenedUpkeep; options: ImportOptions; refused: RefusedFile; counts: ImportCounts },
): Promise<void> {
  const { upkeep, options, refused, counts } = o
  const whole = batch.filter(({ broken }) => broken === null)
  const { utcOffset, dryRun = false } = options
  const outcomes = await upkeep.importLines(
    whole.map(({ fields }) => fields),
    { utcOffset, dryRun },
  )
  const outcomeOf = new Map(whole.map((line, at) => [line, outcomes[at] as ImportOutcome]))
  for (const line of batch) {
    const outcome = outcomeOf.get(line) ?? { refused: line.broken ?? '' }
    if (typeof outcome === 'string') counts[outcome]++
    else {
      counts.refused++
      await refused.add(line, outcome.refused)
    }
  }
}

async function* inBatches(lines: AsyncIterable<CsvLine>): AsyncGenerator<CsvLine[]> {
  let batch: CsvLine[] = []
  for await (const line of lines) {
    batch.push(line)
    if (batch.length < MAX_IMPORT_LINES) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function sizeOf(path: string, { say }: Command): Promise<number> {
  const found = await stat(path).catch(() => null)
  if (found?.isFile()) return found.size
  throw new WrongUseError(say(`there is no file ${path}`, `没有文件 ${path}`))
}

/** `users.csv` -> `users.refused.csv`, beside it. */
function defaultRefusedPath(path: string): string {
  const { dir, name, ext } = parsePath(path)
  return resolve(dir, `${name}.refused${ext || '.csv'}`)
}

function progressLine(counts: ImportCounts, part: number, tookMs: number, { say }: Command): string {
  const lines = counts.made + counts.filled + counts.done + counts.refused
  const percent = `${Math.floor(part * 100)} %`
  const rate = Math.round(lines / (tookMs / 1000))
  return say(
    `${percent}  ${lines} lines, ${counts.refused} refused, ${rate} lines a second`,
    `${percent}  已处理 ${lines} 行，拒绝 ${counts.refused} 行，每秒 ${rate} 行`,
  )
}

function describe(report: ImportCounts & { dryRun: boolean; refusedFile?: string }, { say }: Command): string {
  const { made, filled, done, refused, dryRun, refusedFile } = report
  const lines = [
    dryRun && say('a dry run: nobody was imported', '试运行：没有导入任何用户'),
    say(
      `${made} new users, ${filled} users got something they had not, ${done} lines were done already, ${refused} refused`,
      `新用户 ${made} 行，补全 ${filled} 行，已经完成 ${done} 行，拒绝 ${refused} 行`,
    ),
    refusedFile &&
      say(
        `refused lines with their reasons are in ${refusedFile}: mend them there, and import that file`,
        `被拒绝的行和原因在 ${refusedFile}：可以在该文件中改正后再导入`,
      ),
  ]
  return lines.flatMap((line) => (line ? [`${line}\n`] : [])).join('')
}
