// The backends of apps/server/examples, built and started as their readers do.
import { execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '@weapp-auth/test-servers'
import { onTestFinished, vi } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
export const EXAMPLES = join(import.meta.dirname, '../examples')
const TOMCAT = '/usr/share/tomcat10'

/** The port comes with `PORT` as well. */
interface Command {
  file: string
  args: readonly string[]
  env?: Record<string, string>
  cwd: string
}

type StartExample = (folder: string, port: number) => Command

/** How each example is built and started on `port`; `folder` is a copy of it that is thrown away. */
export const EXAMPLE_COMMANDS: Record<string, StartExample> = {
  java(folder, port) {
    const classes = join(folder, 'webapps/ROOT/WEB-INF/classes')
    for (const name of ['conf', 'temp', 'logs']) mkdirSync(join(folder, name))
    mkdirSync(classes, { recursive: true })
    const sources = readdirSync(folder).filter((name) => name.endsWith('.java'))
    execFileSync('javac', ['-cp', `${TOMCAT}/lib/servlet-api.jar`, '-d', classes, ...sources], { cwd: folder })
    cpSync(join(folder, 'web.xml'), join(folder, 'webapps/ROOT/WEB-INF/web.xml'))
    writeFileSync(join(folder, 'conf/web.xml'), '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0"/>')
    writeFileSync(
      join(folder, 'conf/server.xml'),
      `<Server port="-1"><Service name="Catalina"><Connector address="127.0.0.1" port="${port}"/>
       <Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine></Service></Server>`,
    )
    // Nothing here needs what looks through every jar: JSP and WebSocket.
    writeFileSync(join(folder, 'conf/context.xml'), '<Context containerSciFilter="Jasper|WsSci"/>')
    const jars = `${TOMCAT}/bin/bootstrap.jar:${TOMCAT}/bin/tomcat-juli.jar`
    const properties = [`-Dcatalina.home=${TOMCAT}`, `-Dcatalina.base=${folder}`, `-Djava.io.tmpdir=${folder}/temp`]
    const args = [...properties, '-cp', jars, 'org.apache.catalina.startup.Bootstrap', 'start']
    return { file: 'java', args, cwd: folder }
  },
  php: (folder, port) => ({ file: 'php', args: ['-S', `127.0.0.1:${port}`, 'index.php'], cwd: folder }),
  go(folder) {
    execFileSync('go', ['build', '-o', 'orders', '.'], {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        GOCACHE: join(ROOT, '.cache/go'),
        GOFLAGS: '-mod=mod',
        GOPROXY: 'off',
      },
    })
    return { file: join(folder, 'orders'), args: [], cwd: folder }
  },
  // Debian's Python is the one that has Debian's Flask.
  python: (folder, port) => ({
    file: '/usr/bin/python3',
    args: ['-m', 'flask', 'run', '--host', '127.0.0.1', '--port', String(port)],
    cwd: folder,
  }),
  express: (folder) => ({ file: process.execPath, args: ['main.mjs'], cwd: folder }),
  koa: (folder) => ({ file: process.execPath, args: ['main.mjs'], cwd: folder }),
  nestjs(folder) {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    // `main.ts` uses one of the two guards. The other one imports a file that is not in this copy.
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: NEST_OPTIONS, files: ['main.ts'] }))
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    return { file: process.execPath, args: ['dist/main.js'], cwd: folder }
  },
}

const NEST_OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  allowJs: true,
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  types: ['node'],
  typeRoots: [join(ROOT, 'node_modules/@types')],
  rootDir: '.',
  outDir: 'dist',
}

/**
 * Builds and starts a copy of an example, and resolves with its address once it listens.
 *
 * @param o `change` edits the copy before it is built
 */
export async function startExample(
  name: string,
  start: StartExample,
  o: { change?: (folder: string) => void; env?: Record<string, string> } = {},
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `weapp-auth-${name}-`))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(EXAMPLES, name), folder, { recursive: true })
  if (existsSync(NODE_PACKAGES)) symlinkSync(join(NODE_PACKAGES, 'node_modules'), join(folder, 'node_modules'))
  o.change?.(folder)
  const port = await findFreePort()
  const { file, args, cwd } = start(folder, port)
  const child = spawn(file, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: folder, PORT: String(port), ...o.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  const url = `http://127.0.0.1:${port}`
  await vi.waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}:\n${printed}`)
      await fetch(`${url}/nowhere`).catch(() => {
        throw new Error(`${name} does not listen:\n${printed}`)
      })
    },
    { timeout: 60_000, interval: 100 },
  )
  return url
}

const NODE_PACKAGES = join(ROOT, '.cache/examples')

/** Installs the packages of the examples in a folder of their own. Does nothing when they are installed already. */
export function installNodePackages(): void {
  const wanted = readFileSync(join(EXAMPLES, 'package.json'), 'utf8')
  const file = join(NODE_PACKAGES, 'package.json')
  if (existsSync(join(NODE_PACKAGES, 'node_modules')) && readFileSync(file, 'utf8') === wanted) return
  mkdirSync(NODE_PACKAGES, { recursive: true })
  writeFileSync(file, wanted)
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: NODE_PACKAGES,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
