// Builds everything that runs: the server packages, the client's one file, the example mini-program.
import { runTool } from '../tool.ts'

/** Compiles `projects` (all of them by default) and bundles what a phone gets. Prints to stderr only. */
export async function build(projects: readonly string[] = []): Promise<void> {
  if ((await runTool('tsc', ['-b', ...projects], 'stderr')) !== 0) {
    process.stderr.write('weapp-auth: the build failed, see the type errors above\n')
    process.exit(1)
  }
  // Imported late: what they import themselves has only now been compiled.
  const { buildClient } = await import('../../packages/client/build.ts')
  const { buildMiniprogram } = await import('../../apps/miniprogram/build.ts')
  await buildClient()
  await buildMiniprogram()
}

if (import.meta.main) await build()
