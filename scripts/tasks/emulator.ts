// `npm run emulator -- run <built mini-program folder> --service <url>`: the emulator's command line from this checkout.
import { runTool } from '../tool.ts'

if ((await runTool('tsc', ['-b', 'packages/emulator'], { stdout: 'stderr' })) !== 0) process.exit(1)
// A relative folder is meant from where npm was called.
if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD)
await import(new URL('../../packages/emulator/dist/cli.js', import.meta.url).href)
