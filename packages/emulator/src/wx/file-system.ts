import { type Callbacks, callApi, failureOf, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import type { DeviceFiles } from './files.ts'
import { latinOf } from './latin.ts'

type Options = Callbacks & Record<string, unknown>

/** What the file system calls `wx.env.USER_DATA_PATH`: the only place a program may write to. */
const USER_FOLDER = 'wxfile://usr'

interface Stats {
  size: number
  mode: number
  lastAccessedTime: number
  lastModifiedTime: number
  isFile(): boolean
  isDirectory(): boolean
}

/**
 * `wx.getFileSystemManager()`: the calls programs use, on the files of the phone, each with and without `Sync`.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/file/wx.getFileSystemManager.html
 */
export function createFileSystem({ thread, clock }: DeviceContext, files: DeviceFiles): () => Record<string, unknown> {
  const folders = new Set([USER_FOLDER])

  const pathOf = (value: unknown) => String(value).replace(/\/+$/, '')
  const parentOf = (path: string) => path.slice(0, path.lastIndexOf('/'))

  function read(value: unknown): Uint8Array {
    const bytes = files.read(pathOf(value))
    if (!bytes) throw new WxFailure(`no such file or directory, open ${String(value)}`)
    return bytes
  }

  function writable(value: unknown): string {
    const path = pathOf(value)
    if (!path.startsWith(`${USER_FOLDER}/`)) throw new WxFailure(`permission denied, open ${String(value)}`)
    if (!folders.has(parentOf(path))) throw new WxFailure(`no such file or directory, open ${String(value)}`)
    return path
  }

  function bytesOf(data: unknown, encoding: unknown): Uint8Array {
    if (typeof data === 'string') {
      return encoding === 'base64'
        ? Uint8Array.from(atob(data), (character) => character.charCodeAt(0))
        : new TextEncoder().encode(data)
    }
    // Of the program's own JavaScript world, so no instance of ours.
    return new Uint8Array(data as ArrayBuffer)
  }

  function textOf(bytes: Uint8Array, encoding: unknown): string | ArrayBuffer {
    if (encoding === undefined) return bytes.slice().buffer
    if (encoding === 'base64') return btoa(latinOf(bytes))
    return encoding === 'binary' || encoding === 'latin1' ? latinOf(bytes) : new TextDecoder().decode(bytes)
  }

  function stat(value: unknown): Stats {
    const path = pathOf(value)
    const isFolder = folders.has(path)
    const size = isFolder ? 0 : read(path).length
    const seconds = Math.floor(clock.now() / 1000)
    const times = { lastAccessedTime: seconds, lastModifiedTime: seconds }
    return { size, mode: isFolder ? 0o40755 : 0o100644, ...times, isFile: () => !isFolder, isDirectory: () => isFolder }
  }

  function list(value: unknown): string[] {
    const path = pathOf(value)
    if (!folders.has(path)) throw new WxFailure(`no such file or directory, open ${String(value)}`)
    return [...files.paths(), ...folders].filter((at) => parentOf(at) === path).map((at) => at.slice(path.length + 1))
  }

  function makeFolder(value: unknown, recursive: boolean): void {
    const path = pathOf(value)
    if (folders.has(path)) throw new WxFailure(`file already exists ${String(value)}`)
    if (recursive && path.startsWith(USER_FOLDER) && !folders.has(parentOf(path))) makeFolder(parentOf(path), true)
    folders.add(writable(path))
  }

  function copy(from: unknown, to: unknown): string {
    return files.write(writable(to), read(from))
  }

  /** By name: what each call does with its options, and what `success` gets of it. */
  const calls: Record<string, (options: Record<string, unknown>) => object> = {
    access({ path }) {
      stat(path)
      return {}
    },
    readFile: ({ filePath, encoding }) => ({ data: textOf(read(filePath), encoding) }),
    writeFile({ filePath, data, encoding }) {
      files.write(writable(filePath), bytesOf(data, encoding))
      return {}
    },
    appendFile({ filePath, data, encoding }) {
      const [before, more] = [read(filePath), bytesOf(data, encoding)]
      const joined = new Uint8Array(before.length + more.length)
      joined.set(before)
      joined.set(more, before.length)
      files.write(writable(filePath), joined)
      return {}
    },
    stat: ({ path }) => ({ stats: stat(path) }),
    getFileInfo: ({ filePath }) => ({ size: read(filePath).length }),
    mkdir({ dirPath, recursive }) {
      makeFolder(dirPath, recursive === true)
      return {}
    },
    readdir: ({ dirPath }) => ({ files: list(dirPath) }),
    rmdir({ dirPath, recursive }) {
      const inside = list(dirPath)
      if (inside.length > 0 && recursive !== true) throw new WxFailure(`directory not empty ${String(dirPath)}`)
      const path = pathOf(dirPath)
      for (const at of files.paths()) if (at.startsWith(`${path}/`)) files.remove(at)
      for (const at of [...folders]) if (at === path || at.startsWith(`${path}/`)) folders.delete(at)
      return {}
    },
    unlink({ filePath }) {
      read(filePath)
      files.remove(pathOf(filePath))
      return {}
    },
    copyFile({ srcPath, destPath }) {
      copy(srcPath, destPath)
      return {}
    },
    rename({ oldPath, newPath }) {
      copy(oldPath, newPath)
      files.remove(pathOf(oldPath))
      return {}
    },
    saveFile({ tempFilePath, filePath }) {
      const name = pathOf(tempFilePath).split('/').at(-1)
      return { savedFilePath: copy(tempFilePath, filePath ?? `${USER_FOLDER}/${name}`) }
    },
  }

  /** What the form with `Sync` returns, and how its arguments are called, in order. */
  const SYNC: Record<string, { args: string[]; value?: string }> = {
    access: { args: ['path'] },
    readFile: { args: ['filePath', 'encoding'], value: 'data' },
    writeFile: { args: ['filePath', 'data', 'encoding'] },
    appendFile: { args: ['filePath', 'data', 'encoding'] },
    stat: { args: ['path'], value: 'stats' },
    mkdir: { args: ['dirPath', 'recursive'] },
    readdir: { args: ['dirPath'], value: 'files' },
    rmdir: { args: ['dirPath', 'recursive'] },
    unlink: { args: ['filePath'] },
    copyFile: { args: ['srcPath', 'destPath'] },
    rename: { args: ['oldPath', 'newPath'] },
    saveFile: { args: ['tempFilePath', 'filePath'], value: 'savedFilePath' },
  }

  const manager: Record<string, unknown> = {}
  for (const [name, run] of Object.entries(calls)) {
    manager[name] = (options: Options = {}) => callApi(thread, name, options, () => run(options))
    const { args, value } = SYNC[name] ?? {}
    if (!args) continue
    manager[`${name}Sync`] = (...given: unknown[]) => {
      const result = runSync(`${name}Sync`, () =>
        run(Object.fromEntries(args.map((arg, index) => [arg, given[index]]))),
      )
      return value === undefined ? undefined : (result as Record<string, unknown>)[value]
    }
  }
  return () => ({ ...manager })
}

/** The form with `Sync` throws what the other gives to `fail`. */
function runSync(api: string, run: () => object): object {
  try {
    return run()
  } catch (error) {
    throw new Error(failureOf(api, error).errMsg)
  }
}
