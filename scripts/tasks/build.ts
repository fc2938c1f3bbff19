// Builds everything that runs: the server packages, the client's one file, the example mini-program, the playground, the
// console, the service.
import { join } from 'node:path'
import { ROOT } from '../root.ts'
import { runTool } from '../tool.ts'

/** Compiles `projects` (all of them by default) and bundles what a phone gets, and the service. Prints to stderr only. */
export async function build(projects: readonly string[] = []): Promise<void> {
  try {
    await compile(['packages/client'])
    // Imported late: what they import themselves may only now have been compiled.
    const { buildClient } = await import('../../packages/client/build.mts')
    await buildClient()
    // The others see the client as its users do, by the files it ships.
    await compile(projects)
    const { buildMiniprogram } = await import('../../apps/miniprogram/build.ts')
    await buildMiniprogram()
    const { buildPlayground } = await import('../../apps/playground/build.ts')
    await buildPlayground()
    const { buildServer } = await import('../../apps/server/build.ts')
    await buildServer()
    const { buildConsole } = await import('../../apps/console/build.ts')
    await buildConsole()
  } catch (error) {
    process.stderr.write(`weapp-auth: the build failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}

async function compile(projects: readonly string[]): Promise<void> {
  if ((await runTool('tsc', ['-b', ...projects], { stdout: 'stderr' })) !== 0)
    throw new Error('see the type errors above')
}

/** Describes the service's APIs in `apps/server/dist`: only where people asked for a build, not before each test run. */
async function describeApis(): Promise<void> {
  const { writeDocuments } = await import('../../apps/server/src/openapi/write.ts')
  await writeDocuments(join(ROOT, 'apps/server/dist'))
}

if (import.meta.main) {
  await build()
  await describeApis()
}
