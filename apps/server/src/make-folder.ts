import { lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder, and those above it that are missing. Not with the option `recursive` of `mkdirSync`, which never ends below /proc:
 * the folder above is there, and still ENOENT.
 *
 * @param dir an absolute path
 * @param mode of the folder itself and those above it, where they are made
 * @throws Error of `mkdir`
 */
export function makeFolder(dir: string, mode = 0o777): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return
  // Where a file or a broken link has this name, `mkdir` fails with a code that says so.
  if (!lstatSync(dirname(dir), { throwIfNoEntry: false })) makeFolder(dirname(dir), mode)
  mkdirSync(dir, { mode })
}
