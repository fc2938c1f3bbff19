import { TmplGroup } from 'glass-easel-template-compiler'
import { LaunchError } from './app-files.ts'
import type { AppPackage } from './app-package.ts'
import { folderOf, resolvePath } from './paths.ts'
import { toJavaScript } from './wxs-source.ts'

interface CompileProblem {
  isError: boolean
  /** `Fatal`: a part of the file could not be read and is left out. `Error` and below: it was read with a remark. */
  level: 'Fatal' | 'Error' | 'Warn' | 'Note'
  message: string
  /** Counted from 0, as the column is. */
  startLine: number
  startColumn: number
}

/** What the compiler has to say, one line each, with the file. */
export interface TemplateProblems {
  /** The file is shown without a part of it. */
  onError(message: string): void
  /** DevTools would remark it and go on. */
  onWarning(message: string): void
}

const STRICT: TemplateProblems = {
  onError(message) {
    throw new LaunchError('template_invalid', message)
  },
  onWarning() {},
}

/**
 * Compiles the WXML and WXS files that components reach.
 *
 * The result is the source of one JavaScript expression over `wxsHost` (see `WxsHost`), so that a build can ship it to where the compiler does not run.
 *
 * @param paths which components; default all of the app's
 * @param problems default: an error throws a LaunchError, a warning is dropped
 */
export function compileTemplates(
  { files, components }: Pick<AppPackage, 'files' | 'components'>,
  paths: Iterable<string> = components.keys(),
  problems: TemplateProblems = STRICT,
): string {
  const group = new TmplGroup()
  const templates = new Set<string>()
  const scripts = new Set<string>()

  function addTemplate(path: string, usedBy: string): void {
    if (templates.has(path)) return
    templates.add(path)
    const source = files.read(`${path}.wxml`)
    if (source === null) problems.onWarning(`${path}.wxml is missing (used by ${usedBy})`)
    // What is missing counts as empty: the group cannot be generated with a name in it that it does not have.
    for (const { level, message, startLine, startColumn } of group.addTmpl(path, source ?? '') as CompileProblem[]) {
      const line = `${path}.wxml:${startLine + 1}:${startColumn + 1}: ${message}`
      if (level === 'Fatal') problems.onError(line)
      else if (level === 'Error') problems.onWarning(line)
    }
    for (const used of group.getDirectDependencies(path) as string[]) addTemplate(used, `${path}.wxml`)
    for (const used of group.getScriptDependencies(path) as string[]) addScript(used, `${path}.wxml`)
    for (const name of group.getInlineScriptModuleNames(path) as string[]) {
      const source = group.getInlineScript(path, name)
      addRequiredScripts(`${path}.wxml`, source)
      group.setInlineScript(path, name, readScript(`${path}.wxml`, source))
    }
  }

  /** `name` is what the compiled templates call the script: without `.wxs` from a `src`, with it from a `require`. */
  function addScript(name: string, usedBy: string): void {
    if (scripts.has(name)) return
    scripts.add(name)
    const path = name.endsWith('.wxs') ? name : `${name}.wxs`
    const source = files.read(path)
    if (source === null) problems.onWarning(`${path} is missing (used by ${usedBy})`)
    group.addScript(name, readScript(path, source ?? ''))
    addRequiredScripts(path, source ?? '')
  }

  function readScript(path: string, source: string): string {
    try {
      return toJavaScript(path, source)
    } catch (error) {
      problems.onError((error as Error).message)
      return ''
    }
  }

  function addRequiredScripts(path: string, source: string): void {
    for (const [, , reference = ''] of source.matchAll(/\brequire\(\s*(['"])(.+?)\1\s*\)/g)) {
      addScript(resolvePath(folderOf(path), reference), path)
    }
  }

  try {
    group.setExtraRuntimeScript('Q.A=wxsHost.change;Q.C=wxsHost.handle;')
    for (const path of paths) addTemplate(path, `${path}.js`)
    return group.getTmplGenObjectGroups()
  } finally {
    group.free()
  }
}
