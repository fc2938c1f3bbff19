import { TmplGroup } from 'glass-easel-template-compiler'
import { type AppPackage, LaunchError } from './app-package.ts'
import { folderOf, resolvePath } from './paths.ts'

interface CompileProblem {
  isError: boolean
  message: string
  /** Counted from 0, as the column is. */
  startLine: number
  startColumn: number
}

/**
 * Compiles every WXML and WXS file that the app's components reach.
 *
 * The result is the source of one JavaScript expression, so that a build can ship it to where the compiler does not run.
 */
export function compileTemplates({ files, components }: AppPackage): string {
  const group = new TmplGroup()
  const templates = new Set<string>()
  const scripts = new Set<string>()

  function addTemplate(path: string, usedBy: string): void {
    if (templates.has(path)) return
    templates.add(path)
    const source = files.read(`${path}.wxml`)
    if (source === null) throw new LaunchError('template_invalid', `${path}.wxml is missing (used by ${usedBy})`)
    for (const problem of group.addTmpl(path, source) as CompileProblem[]) {
      if (!problem.isError) continue
      const place = `${path}.wxml:${problem.startLine + 1}:${problem.startColumn + 1}`
      throw new LaunchError('template_invalid', `${place}: ${problem.message}`)
    }
    for (const used of group.getDirectDependencies(path) as string[]) addTemplate(used, `${path}.wxml`)
    for (const used of group.getScriptDependencies(path) as string[]) addScript(used, `${path}.wxml`)
    for (const name of group.getInlineScriptModuleNames(path) as string[]) {
      addRequiredScripts(`${path}.wxml`, group.getInlineScript(path, name))
    }
  }

  /** `name` is what the compiled templates call the script: without `.wxs` from a `src`, with it from a `require`. */
  function addScript(name: string, usedBy: string): void {
    if (scripts.has(name)) return
    scripts.add(name)
    const path = name.endsWith('.wxs') ? name : `${name}.wxs`
    const source = files.read(path)
    if (source === null) throw new LaunchError('template_invalid', `${path} is missing (used by ${usedBy})`)
    group.addScript(name, source)
    addRequiredScripts(path, source)
  }

  function addRequiredScripts(path: string, source: string): void {
    for (const [, , reference = ''] of source.matchAll(/\brequire\(\s*(['"])(.+?)\1\s*\)/g)) {
      addScript(resolvePath(folderOf(path), reference), path)
    }
  }

  try {
    for (const path of components.keys()) addTemplate(path, `${path}.js`)
    return group.getTmplGenObjectGroups()
  } finally {
    group.free()
  }
}
