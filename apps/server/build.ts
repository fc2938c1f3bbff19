// Writes bundle/: the service and the command `weapp-auth`, with what they would load in hundreds of small files, so that they start in
// half of the time. `dist/main.js` and `dist/cli/main.js` are the same programs in files of its own, which `tsc -b` writes: slower to start, and never out of date.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'

const FOLDER = dirname(fileURLToPath(import.meta.url))
/** Beside `src` and `dist`, so that a path which is relative to a file of ours leads to the same place. */
const TARGET = join(FOLDER, 'bundle')
/** When the bundle was begun, and which files went into it. */
const INPUTS = 'inputs.json'

/**
 * What is taken in, with all that it imports itself: our own packages, and the libraries of every start and of the usual servers.
 * Everything else is loaded on demand, and stays in node_modules. So must a library in CommonJS that is loaded by `import()` itself,
 * and not by a file of ours: a bundle gives that one a default export alone.
 */
const INSIDE =
  /^(@weapp-auth\/(fastify|shared)|@fastify\/(rate-limit|redis|under-pressure)|ajv|close-with-grace|fastify|fastify-plugin|helmet|ioredis|kysely|pg|pino|zod)(\/|$)/

/** A file in there that imports something is of a library that was taken in. */
const LIBRARIES = `${sep}node_modules${sep}`

/** What a library inside asks for and does without where it is missing. */
const OPTIONAL = ['pg-native']

const othersStayOutside: Plugin = {
  name: 'others-stay-outside',
  setup(bundling) {
    bundling.onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      const isInside = kind === 'entry-point' || INSIDE.test(path) || importer.includes(LIBRARIES)
      return isInside && !isBuiltin(path) ? null : { path, external: true }
    })
  },
}

/** Gives libraries in CommonJS the `require` by which they load what Node brings. */
const REQUIRE =
  "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);"

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
    banner: { js: REQUIRE },
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
  return names.filter((name) => !(name in declared) && !OPTIONAL.includes(name))
}
