// `WEAPP_CORPUS=<folder> node packages/emulator/test/corpus/run.ts [filter]`: opens every program of `programs.json` and
// every component of the UI libraries, or those whose kind and name contain the filter, and writes what came out into
// `results.md`, where all others stay as they are. See README.md for what has to be in the folder.
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Opened } from './open-program.ts'

interface Program {
  repo: string
  revision: string
  /** Where `app.json` or `project.config.json` is. */
  folder: string
  kind: 'native' | 'uni-app' | 'Taro'
  /** Errors that are the program's own, by a part of their text, and why they are. */
  theirs?: { error: string; why: string }[]
  /** Why it cannot be opened. */
  unopened?: string
}

/** Errors of any program for which the emulator is not to blame. */
const THEIRS = [
  { error: 'ERR_ADDRESS_UNREACHABLE', why: 'its server is not there, and it does not handle that' },
  { error: /cloud\.[\w.]+:fail not played/, why: 'its cloud environment is not there, and it does not handle that' },
]

const NOT_COUNTED = '**not counted:**'

const LIBRARIES = ['@vant/weapp', 'tdesign-miniprogram', 'weui-miniprogram']

/** What the emulator reads of a program: no picture, no package, nothing that runs outside the mini-program. */
const READ = /\.(?:js|ts|json|wxml|wxs|wxss|scss|sass|less)$/
const LEFT_OUT = /(?:^|\/)(?:node_modules|cloudfunctions)\//

const here = import.meta.dirname
const corpus = process.env.WEAPP_CORPUS
if (!corpus || !existsSync(corpus)) {
  console.error('WEAPP_CORPUS must name the folder with the programs: see packages/emulator/test/corpus/README.md')
  process.exit(2)
}
const [filter = ''] = process.argv.slice(2)
const chosen = (name: string) => name.includes(filter)
const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'weapp-corpus-'))
try {
  const programs = JSON.parse(readFileSync(join(here, 'programs.json'), 'utf8')) as Program[]
  const running = programs.filter(({ repo, kind }) => chosen(`${kind} ${repo}`))
  const rows = await inTwo(running, async (program) => ({ program, ...judge(program, await openProgram(program)) }))
  const libraries = await inTwo(
    LIBRARIES.filter((name) => chosen(`library ${name}`)),
    openLibrary,
  )
  const results = join(here, 'results.md')
  const known = readResults(existsSync(results) ? readFileSync(results, 'utf8') : '')
  for (const row of rows) known.programs.set(`${row.program.kind} ${row.program.repo}`, renderProgram(row))
  for (const library of libraries) known.libraries.set(library.name, renderLibrary(library))
  writeFileSync(results, renderResults(programs, known))
} finally {
  rmSync(scratch, { recursive: true })
}

async function openProgram(program: Program): Promise<Opened> {
  const folder = join(extract(program), program.folder)
  addPackages(folder)
  const [opened] = await openIn(folder, [])
  return opened ?? crashed()
}

/** Takes the files out of the repository at its revision; nothing of it is checked out or run by git. */
function extract({ repo, revision, folder }: Program): string {
  const name = repo.replace('/', '+')
  const git = (args: string[], input = '') =>
    execFileSync('git', [`--git-dir=${gitFolder(join(corpus ?? '', name))}`, ...args], {
      input,
      maxBuffer: 2 ** 31 - 1,
    })
  const listed = git(['ls-tree', '-r', '-z', revision, ...(folder ? ['--', folder] : [])])
    .toString()
    .split('\0')
  const files = listed.flatMap((line) => {
    const [, id, path] = /^100\d+ blob (\w+)\t(.+)$/s.exec(line) ?? []
    return id && path && READ.test(path) && !LEFT_OUT.test(path) ? [{ id, path }] : []
  })
  const blobs = git(['cat-file', '--batch'], files.map(({ id }) => `${id}\n`).join(''))
  let at = 0
  for (const { path } of files) {
    const lineEnd = blobs.indexOf(10, at)
    const size = Number(/ (\d+)$/.exec(blobs.toString('latin1', at, lineEnd))?.[1] ?? Number.NaN)
    at = lineEnd + 1
    // An object that the snapshot does not hold.
    if (Number.isNaN(size)) continue
    const target = join(scratch, name, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, blobs.subarray(at, at + size))
    at += size + 1
  }
  return join(scratch, name)
}

/** The npm packages that the program names and the corpus has, as `npm install` would put them beside it. */
function addPackages(folder: string): void {
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) return
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as { dependencies?: Record<string, string> }
  for (const name of Object.keys(dependencies)) {
    const source = join(corpus ?? '', 'node_modules', name)
    if (existsSync(source)) copyTree(source, join(folder, 'node_modules', name))
  }
}

function gitFolder(path: string): string {
  return existsSync(join(path, '.git')) ? join(path, '.git') : path
}

/** Every component of a library on a page of its own. */
async function openLibrary(name: string) {
  const source = join(corpus ?? '', 'node_modules', name)
  if (!existsSync(source)) return { name, version: 'not installed', components: [], failed: [] }
  const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
    version: string
    miniprogram?: string
  }
  const root = join(source, manifest.miniprogram ?? 'miniprogram_dist')
  const components = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json') && isComponent(join(root, file)))
    .map((file) => file.replace(/\.json$/, ''))
    .sort()
  const folder = join(scratch, `library-${LIBRARIES.indexOf(name)}`)
  const page = (component: string) => `pages/${component}`
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  write('app.json', JSON.stringify({ pages: components.map(page), lazyCodeLoading: 'requiredComponents' }))
  write('app.js', 'App({})')
  for (const component of components) {
    write(`${page(component)}.js`, 'Page({})')
    write(`${page(component)}.json`, JSON.stringify({ usingComponents: { it: `${name}/${component}` } }))
    write(`${page(component)}.wxml`, '<it class="it">content</it>')
  }
  copyTree(root, join(folder, 'miniprogram_npm', name))
  const opened = await openIn(folder, components.map(page))
  const failed = components.flatMap((component, index) => {
    const { page: route, errors, warnings } = opened[index] ?? crashed()
    const reasons = [...errors, ...warnings.filter((warning) => warning.includes('is not found'))]
    return route === page(component) && reasons.length === 0
      ? []
      : [{ component, why: reasons[0] ?? 'it did not open' }]
  })
  return { name, version: manifest.version, components, failed }
}

function isComponent(file: string): boolean {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).component === true && existsSync(file.replace(/json$/, 'wxml'))
  } catch {
    return false
  }
}

function copyTree(from: string, to: string): void {
  for (const file of readdirSync(from, { recursive: true, encoding: 'utf8' }).filter((path) => READ.test(path))) {
    mkdirSync(dirname(join(to, file)), { recursive: true })
    writeFileSync(join(to, file), readFileSync(join(from, file)))
  }
}

/** Opens pages of the program in a process that reads the program and the emulator, and starts nothing. */
function openIn(folder: string, pages: readonly string[]): Promise<Opened[]> {
  const repository = join(here, '../../../..')
  const flags = ['--permission', `--allow-fs-read=${repository}`, `--allow-fs-read=${scratch}`, '--no-warnings']
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...flags, join(here, 'open-program.ts'), folder, ...pages], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {},
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000 + pages.length * 10_000)
    child.once('close', () => {
      clearTimeout(timer)
      resolve(
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Opened),
      )
    })
  })
}

function crashed(): Opened {
  return { page: null, openedMs: 0, shown: 0, errors: ['the process ended'], warnings: [], notPlayed: [] }
}

interface Verdict {
  opened: Opened
  /** Whether the first page is open, and no error is ours. */
  isGood: boolean
  remark: string
}

function judge({ theirs = [], unopened }: Program, opened: Opened): Verdict {
  const known = [...theirs, ...THEIRS]
  const reasons = opened.errors.map((error) => {
    const match = known.find((it) => (typeof it.error === 'string' ? error.includes(it.error) : it.error.test(error)))
    return match?.why ?? null
  })
  const ours = opened.errors.filter((_error, index) => reasons[index] === null)
  if (opened.page === null) return { opened, isGood: false, remark: unopened ?? ours[0] ?? 'it did not open' }
  return { opened, isGood: ours.length === 0, remark: ours[0] ?? [...new Set(reasons)].join('; ') }
}

/** Two at a time: the machine has other things to do. */
async function inTwo<Item, Result>(items: readonly Item[], run: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const work = async () => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index]
      if (item !== undefined) results[index] = await run(item)
    }
  }
  await Promise.all([work(), work()])
  return results
}

/** The lines of `results.md`, by what they are about. */
interface Results {
  programs: Map<string, string>
  libraries: Map<string, { row: string; failed: string[] }>
}

function readResults(text: string): Results {
  const results: Results = { programs: new Map(), libraries: new Map() }
  let failedOf: string[] = []
  for (const line of text.split('\n')) {
    const [, kind, repo] = /^\| (native|uni-app|Taro) \| (\S+) \|/.exec(line) ?? []
    const library = /^\| components of (\S+) /.exec(line)?.[1]
    const listed = /^Not counted of (\S+):$/.exec(line)?.[1]
    if (kind) results.programs.set(`${kind} ${repo}`, line)
    if (library) results.libraries.set(library, { row: line, failed: [] })
    if (listed) failedOf = results.libraries.get(listed)?.failed ?? []
    if (line.startsWith('- ')) failedOf.push(line)
  }
  return results
}

function renderProgram({ program, opened, isGood, remark }: { program: Program } & Verdict): string {
  const verdict = isGood ? remark || 'clean' : `${NOT_COUNTED} ${remark}`
  return `| ${program.kind} | ${program.repo} | ${opened.page ?? '–'} | ${escapeCell(verdict)} |`
}

function renderLibrary({ name, version, components, failed }: Awaited<ReturnType<typeof openLibrary>>) {
  const good = components.length - failed.length
  return {
    row: `| components of ${name} ${version} | ${good} of ${components.length} (${percent(good, components.length)}) |`,
    failed: failed.map(({ component, why }) => `- \`${component}\`: ${escapeCell(why)}`),
  }
}

function renderResults(programs: readonly Program[], { programs: rows, libraries }: Results): string {
  const rowsOf = (kinds: readonly string[]) =>
    programs
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ kind, repo }) => rows.get(`${kind} ${repo}`) ?? NOT_COUNTED)
  const count = (kinds: readonly string[]) => {
    const of = rowsOf(kinds)
    const good = of.filter((row) => !row.includes(NOT_COUNTED)).length
    return `${good} of ${of.length} (${percent(good, of.length)})`
  }
  const failed = [...libraries].filter(([, library]) => library.failed.length > 0)
  return [
    '# What the emulator opens',
    '',
    'Written by `run.ts`; the revisions are in `programs.json`. A program counts when its first page is open and no error of',
    'the emulator came up in its first seconds, without any network. “Clean” is: no error and nothing to say.',
    '',
    '| | open without an error of ours |',
    '| --- | --- |',
    `| native programs | ${count(['native'])} |`,
    `| built uni-app and Taro programs | ${count(['uni-app', 'Taro'])} |`,
    ...[...libraries.values()].map(({ row }) => row),
    '',
    '| kind | program | first page | result |',
    '| --- | --- | --- | --- |',
    ...rowsOf(['native', 'uni-app', 'Taro']),
    '',
    ...failed.flatMap(([name, library]) => [`Not counted of ${name}:`, '', ...library.failed, '']),
  ].join('\n')
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${Math.floor((100 * part) / whole)} %`
}

/** In one line, and with nothing of the machine it ran on. */
function escapeCell(text: string): string {
  return text.replaceAll(scratch, '.').replaceAll('|', '\\|').replaceAll('\n', ' ').slice(0, 240)
}
