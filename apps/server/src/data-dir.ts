import { chmodSync, lstatSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makeFolder } from './make-folder.ts'

/** What the embedded stores keep in DATA_DIR, and what SQLite puts beside a database. */
const FILES = ['session-keys', ...['users.sqlite', 'sessions.sqlite'].flatMap((db) => [db, `${db}-wal`, `${db}-shm`])]

/**
 * Makes the folder of the embedded stores when it is missing, and looks at the files that are there already: they hold
 * openids and keys, so that only the user of this process may read them. One that others can read is mended.
 *
 * @param warn told of each file that was mended
 * @throws Error of `mkdir` when the folder cannot be made, and one that says what to do when something else is where a file
 * belongs
 */
export function prepareDataDir(dir: string, warn: (message: string) => void): void {
  makeFolder(resolve(dir))
  for (const name of FILES) checkFile(join(dir, name), warn)
}

function checkFile(file: string, warn: (message: string) => void): void {
  if (!lstatSync(file, { throwIfNoEntry: false })) return
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) throw new Error(`${file} is a link to a file that does not exist: remove the link, or set DATA_DIR`)
  if (!found.isFile()) {
    throw new Error(`${file} is not a file, and one of the service belongs there: move it away, or set DATA_DIR`)
  }
  // Windows has no such rights.
  if (process.platform === 'win32' || (found.mode & 0o077) === 0) return
  try {
    chmodSync(file, 0o600)
  } catch {
    throw new Error(`${file} can be read by others and belongs to another user: make it yours, with the mode 600`)
  }
  warn(`${file} could be read by other users of this machine: its mode is 600 now`)
}
