import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { putInPlace } from '../../src/cli/backup/put-in-place.ts'
import { makeFolder } from './folder.ts'

/** Writes files, each with its text, and returns the folder. */
function write(folder: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

function read(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name))
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]))
}

const FRESH = { 'users.sqlite': 'new', 'avatars/000/b.jpg': 'new', 'session-keys': 'new' }

test('what was there goes aside as a whole, with the log that must not be read into the new users', () => {
  const old = { 'users.sqlite': 'old', 'avatars/000/a.jpg': 'old', 'session-keys': 'old' }
  const logs = { 'users.sqlite-wal': 'old', 'users.sqlite-shm': 'old' }
  const dataDir = write(makeFolder(), { ...old, ...logs, 'sessions.sqlite': 'stays' })
  const aside = putInPlace(dataDir, write(join(dataDir, 'restore.unfinished'), FRESH)) ?? ''
  expect(aside).toMatch(/\/replaced-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/)
  expect(statSync(aside).mode & 0o077).toBe(0)
  expect(read(aside)).toEqual({ ...old, ...logs })
  const { [`${aside.slice(dataDir.length + 1)}/users.sqlite`]: _, ...all } = read(dataDir)
  const here = Object.entries(all).filter(([path]) => !path.startsWith('replaced-'))
  expect(Object.fromEntries(here)).toEqual({ ...FRESH, 'sessions.sqlite': 'stays' })
})

test('pictures and keys that the backup does not bring stay where they are', () => {
  const dataDir = write(makeFolder(), { 'users.sqlite': 'old', 'avatars/000/a.jpg': 'old', 'session-keys': 'old' })
  const aside = putInPlace(dataDir, write(join(dataDir, 'restore.unfinished'), { 'users.sqlite': 'new' })) ?? ''
  expect(read(aside)).toEqual({ 'users.sqlite': 'old' })
  expect(read(dataDir)).toMatchObject({ 'users.sqlite': 'new', 'avatars/000/a.jpg': 'old', 'session-keys': 'old' })
})

test('where nothing was, nothing is left aside', () => {
  const dataDir = makeFolder()
  expect(putInPlace(dataDir, write(join(dataDir, 'restore.unfinished'), FRESH))).toBeNull()
  expect(read(dataDir)).toEqual(FRESH)
  expect(readdirSync(dataDir).sort()).toEqual(['avatars', 'session-keys', 'users.sqlite'])
})
