// `npm run packer`: what WeChat's own packer ("Build npm" of the DevTools) makes of the published client. Installs the
// packed tarball into a mini-program, packs it with `miniprogram-ci`, offline and without a key, and runs the result in a
// realm that has nothing but JavaScript and a `wx`; then again for a mini-program in a pnpm workspace, whose node_modules
// are symlinks. The packer is 276 MB, so it is installed on demand and not with the project.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { installOnDemand } from '../on-demand.ts'
import { ROOT } from '../root.ts'
import { build } from './build.ts'

const PACKER_VERSION = '2.1.42'
const QUIET = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']

/** What `packNpmManually` answers; anything but an empty `warnList` means that a user would see a complaint. */
interface Packed {
  miniProgramPackNum: number
  otherNpmPackNum: number
  warnList: unknown[]
}

await build()
const packerFolder = installOnDemand('miniprogram-ci', { 'miniprogram-ci': PACKER_VERSION })
const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-packer-'))
const results = { passed: 0, failed: 0 }
try {
  const tarball = npmPack(folder)
  await attempt('the tarball in a mini-program', () => packed(npmProject(tarball)))
  await attempt('the tarball in a pnpm workspace', () => packed(pnpmWorkspace(tarball)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
writeFileSync(join(ROOT, '.cache', 'packer-results.json'), JSON.stringify(results))
process.exitCode = results.failed === 0 ? 0 : 1

async function attempt(what: string, pack: () => Promise<string>): Promise<void> {
  try {
    runsInMiniProgram(await pack())
    results.passed++
    process.stdout.write(`ok   ${what}\n`)
  } catch (error) {
    results.failed++
    process.stdout.write(`FAIL ${what}: ${error instanceof Error ? error.message : String(error)}\n`)
  }
}

function npmPack(to: string): string {
  const listing = npm(join(ROOT, 'packages', 'client'), ['pack', '--json', '--pack-destination', to])
  const [{ filename }] = JSON.parse(listing) as [{ filename: string }]
  return join(to, filename)
}

/** A mini-program that depends on the client, installed with npm. */
function npmProject(tarball: string): string {
  const project = miniProgram(join(folder, 'native'), `file:${tarball}`)
  npm(project, ['install', '--offline', ...QUIET])
  return project
}

/** A mini-program beside the client in one workspace: its node_modules hold symlinks. */
function pnpmWorkspace(tarball: string): string {
  const workspace = join(folder, 'workspace')
  const client = join(workspace, 'client')
  mkdirSync(client, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', client])
  // What it is developed with stays in this repository.
  const manifest = JSON.parse(readFileSync(join(client, 'package.json'), 'utf8')) as object
  writeFileSync(join(client, 'package.json'), JSON.stringify({ ...manifest, devDependencies: undefined }))
  writeFileSync(join(workspace, 'pnpm-workspace.yaml'), 'packages: [app, client]\npmOnFail: ignore\n')
  writeFileSync(join(workspace, 'package.json'), '{ "private": true }')
  const project = miniProgram(join(workspace, 'app'), 'workspace:*')
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { packageManager: string }
  npm(workspace, ['exec', '--yes', '--loglevel=error', '--', packageManager, 'install', '--offline'])
  return project
}

function miniProgram(project: string, client: string): string {
  mkdirSync(project, { recursive: true })
  const files = {
    'package.json': { name: 'mini-program', private: true, dependencies: { '@weapp-auth/client': client } },
    'project.config.json': { appid: 'touristappid', compileType: 'miniprogram', miniprogramRoot: './' },
    'app.json': { pages: [] },
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(project, name), JSON.stringify(content))
  return project
}

/** @returns the packed file @throws Error with the packer's warnings */
async function packed(project: string): Promise<string> {
  const packer = createRequire(join(packerFolder, 'index.js'))('miniprogram-ci') as {
    packNpmManually(options: { packageJsonPath: string; miniprogramNpmDistDir: string }): Promise<Packed>
  }
  const { warnList, miniProgramPackNum } = await packer.packNpmManually({
    packageJsonPath: join(project, 'package.json'),
    miniprogramNpmDistDir: project,
  })
  if (warnList.length > 0) throw new Error(`the packer warns: ${JSON.stringify(warnList)}`)
  if (miniProgramPackNum !== 1) throw new Error(`the packer took ${miniProgramPackNum} mini-program packages, not one`)
  return readFileSync(join(project, 'miniprogram_npm', '@weapp-auth', 'client', 'index.js'), 'utf8')
}

/** @throws Error when the file needs more than JavaScript itself, timers and `wx` */
function runsInMiniProgram(source: string): void {
  const module: { exports: { createAuth?: (options: object) => object } } = { exports: {} }
  runInNewContext(source, { module, exports: module.exports, setTimeout, clearTimeout, wx: {} })
  const auth = module.exports.createAuth?.({ baseUrl: 'https://api.example.com' })
  if (typeof (auth as { request?: unknown } | undefined)?.request !== 'function') throw new Error('it makes no auth')
}

/** @throws Error with what npm said */
function npm(cwd: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${stderr || stdout}`)
  return stdout
}
