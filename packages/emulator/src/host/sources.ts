import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import vm from 'node:vm'
import type { transform } from 'sucrase'
import { type AppFiles, LaunchError } from './app-files.ts'

export interface SourcesOptions {
  /** The files as they lie on disk. */
  files: AppFiles
  /** Where they lie: style sheets import each other from there. */
  root: string
  /** `setting.useCompilerPlugins` of `project.config.json`: `typescript`, `sass`, `less`. */
  plugins: readonly string[]
}

/**
 * The files as WeChat DevTools compiles them: ES modules become CommonJS, and with the plugins of the project `x.ts`
 * answers for `x.js`, `x.scss`, `x.sass` and `x.less` for `x.wxss`. A file is compiled when it is read first.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/devtools/compilets.html
 */
export function compiledSources({ files, root, plugins }: SourcesOptions): AppFiles {
  const compiled = new Map<string, string | null>()

  function compile(path: string): string | null {
    const written = files.read(path)
    if (path.endsWith('.js')) {
      if (written !== null) return toCommonJs(path, written)
      const typed = plugins.includes('typescript') ? files.read(path.replace(/js$/, 'ts')) : null
      return typed === null ? null : transformModule(path.replace(/js$/, 'ts'), typed, ['imports', 'typescript'])
    }
    if (written === null && path.endsWith('.wxss')) return compileStyle(path.slice(0, -'.wxss'.length))
    return written
  }

  function compileStyle(path: string): string | null {
    for (const extension of ['scss', 'sass'] as const) {
      const source = plugins.includes('sass') ? files.read(`${path}.${extension}`) : null
      if (source !== null) return compileSass(source, join(root, `${path}.${extension}`), extension)
    }
    const source = plugins.includes('less') ? files.read(`${path}.less`) : null
    return source === null ? null : compileLess(source, join(root, `${path}.less`))
  }

  return {
    read(path) {
      const known = compiled.get(path)
      if (known !== undefined) return known
      const text = compile(path)
      compiled.set(path, text)
      return text
    },
  }
}

/** What may be an ES module, or load one: a word is enough to look closer. */
const MODULE_WORD = /\b(?:import|export)\b/

function toCommonJs(path: string, source: string): string {
  if (!MODULE_WORD.test(source)) return source
  if (isScript(source) && !/\bimport\s*\(/.test(source)) return source
  return transformModule(path, source, ['imports'])
}

/** Comments and texts may hold the word too; a parser knows. */
function isScript(source: string): boolean {
  try {
    new vm.Script(`(function () {${source}\n})`)
    return true
  } catch {
    return false
  }
}

function transformModule(path: string, source: string, transforms: ('imports' | 'typescript')[]): string {
  try {
    const { transform } = loadSucrase()
    return transform(source, { transforms, disableESTransforms: true, filePath: path }).code
  } catch {
    // The source stays as it is: the error of the engine, when the module is run, names the file and reads like WeChat's.
    return source
  }
}

const require = createRequire(import.meta.url)

/** On demand: many programs are built already. */
function loadSucrase() {
  return require('sucrase') as { transform: typeof transform }
}

function compileSass(source: string, file: string, extension: 'scss' | 'sass'): string {
  const { compileString } = loadCompiler('sass') as typeof import('sass')
  return compileString(source, {
    loadPaths: [dirname(file)],
    syntax: extension === 'sass' ? 'indented' : 'scss',
    silenceDeprecations: ['import'],
  }).css
}

function compileLess(source: string, file: string): string {
  const { render } = loadCompiler('less') as {
    render(source: string, options: object, done: (error: Error | null, output?: { css: string }) => void): void
  }
  let css = ''
  render(source, { filename: file, syncImport: true }, (error, output) => {
    if (error) throw error
    css = output?.css ?? ''
  })
  return css
}

function loadCompiler(name: 'sass' | 'less'): unknown {
  try {
    return require(name)
  } catch (cause) {
    const message = `project.config.json asks for the compiler "${name}", which is not installed: npm install --save-dev ${name}`
    throw new LaunchError('sources_not_built', message, { cause })
  }
}
