import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type AppFiles, LaunchError } from './app-package.ts'

/** A mini-program on disk: a WeChat DevTools project, or the folder it was built into. */
export interface AppFolder {
  files: AppFiles
  /** What `project.config.json` says, if anything. */
  appid?: string
}

/** @param folder holds `app.json`, or a `project.config.json` whose `miniprogramRoot` does */
export function openAppFolder(folder: string): AppFolder {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LaunchError('not_a_mini_program', `there is no folder ${folder}`)
  }
  const { miniprogramRoot, appid } = readProjectConfig(folder)
  const files = readingFrom(typeof miniprogramRoot === 'string' ? join(folder, miniprogramRoot) : folder)
  return { files, ...(typeof appid === 'string' && { appid }) }
}

function readProjectConfig(folder: string): Record<string, unknown> {
  const text = readingFrom(folder).read('project.config.json')
  if (text === null) return {}
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (cause) {
    const message = `${join(folder, 'project.config.json')} is not valid JSON: ${(cause as Error).message}`
    throw new LaunchError('config_invalid', message, { cause })
  }
}

function readingFrom(root: string): AppFiles {
  const known = new Map<string, string | null>()
  return {
    read(path) {
      const text = known.get(path) ?? readText(join(root, path))
      known.set(path, text)
      return text
    },
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null
    throw error
  }
}
