// Writes bundle/: the service and the command `weapp-auth`, with what they would load in hundreds of small files, so that they start in
// half of the time. `dist/main.js` and `dist/cli/main.js` are the same programs in files of its own, which `tsc -b` writes: slower to start, and never out of date.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

const FOLDER = dirname(fileURLToPath(import.meta.url))
/** Beside `src` and `dist`, so that a path which is relative to a file of ours leads to the same place. */
const TARGET = join(FOLDER, 'bundle')
/** When the bundle was begun, and which files went into it. */
const INPUTS = 'inputs.json'

/** What is taken in: our own packages, and libraries of many small ES modules. Everything else stays in node_modules. */
const INSIDE = /^(@weapp-auth\/(fastify|shared)|kysely|zod)(\/|$)/

const othersStayOutside: Plugin = {
  name: 'others-stay-outside',
  setup(bundling) {
    bundling.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || INSIDE.test(path) ? null : { path, external: true },
    )
  },
}

/**
 * Bundles the service and its command line. The packages it imports have to be built.
 *
 * @throws Error when the bundle imports a package that would not be found from here
 */
export async function buildServer(target: string = TARGET): Promise<void> {
  const fresh = `${target}.${process.pid}`
  const beganAtMs = Date.now()
  const { metafile } = await build({
    absWorkingDir: FOLDER,
    entryPoints: { main: 'src/main.ts', 'weapp-auth': 'src/cli/main.ts' },
    outdir: fresh,
    bundle: true,
    // What is loaded on demand gets files of its own.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    plugins: [othersStayOutside],
    metafile: true,
    logLevel: 'warning',
  })
  const [missing] = findUndeclared(metafile, JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')))
  if (missing)
    throw new Error(`the bundle of apps/server imports ${missing}: add it to the dependencies of apps/server`)
  writeFileSync(join(fresh, INPUTS), JSON.stringify({ beganAtMs, files: Object.keys(metafile.inputs) }))
  rmSync(target, { recursive: true, force: true })
  renameSync(fresh, target)
}

/** Bundles the service, unless nothing has changed since it was bundled. */
export async function buildServerWhenStale(target: string = TARGET): Promise<void> {
  if (isStale(target)) await buildServer(target)
}

function isStale(target: string): boolean {
  const file = join(target, INPUTS)
  if (!existsSync(file)) return true
  const { beganAtMs, files } = JSON.parse(readFileSync(file, 'utf8')) as { beganAtMs: number; files: string[] }
  return [fileURLToPath(import.meta.url), ...files.map((name) => join(FOLDER, name))].some((name) => {
    const found = statSync(name, { throwIfNoEntry: false })
    return !found || found.mtimeMs >= beganAtMs
  })
}

/** What a package of ours imports is looked for from the bundle, so that the service has to depend on it too. */
export function findUndeclared(
  { outputs }: Pick<Metafile, 'outputs'>,
  manifest: { dependencies?: object; optionalDependencies?: object },
): string[] {
  const declared = { ...manifest.dependencies, ...manifest.optionalDependencies }
  const outside = Object.values(outputs).flatMap(({ imports }) => imports.filter(({ external }) => external))
  const names = outside.flatMap(({ path }) => (isBuiltin(path) ? [] : (/^(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [])))
  return names.filter((name) => !(name in declared))
}
