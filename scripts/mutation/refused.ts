// The changes that the compiler refuses. They can never be in the code, so no test has to notice them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { API, DiagnosticCategory, type Snapshot } from 'typescript/unstable/sync'
import { ROOT } from '../root.ts'
import type { Change } from './instrument.ts'

/**
 * Errors of the compiler that do not count: about a name that is not used any more, an empty statement, a condition that is always
 * true. A person who makes such a change by mistake also removes the unused name, and then the compiler reports nothing.
 */
const LEFT_OVER = new Set([1313, 2869, 2870, 2871, 2872, 2873, 6133, 6138, 6192, 6196, 6198, 6199, 7027])

/** @returns the ids of those that the compiler refuses, in the file of the change itself */
export function findRefused(changes: readonly Pick<Change, 'id' | 'file' | 'edit'>[], root = ROOT): Set<string> {
  if (changes.length === 0) return new Set()
  const contents = new Map(changes.map(({ file }) => [join(root, file), readFileSync(join(root, file), 'utf8')]))
  /** The file that is changed at the moment, with its changed text. The compiler reads all other files from the disk. */
  const edited = new Map<string, string>()
  const api = new API({ cwd: root, fs: { readFile: (path) => edited.get(path) } })
  try {
    const projects = [...new Set(changes.map(({ file }) => projectOf(file)))].map((path) => join(root, path))
    let snapshot = api.updateSnapshot({ openProjects: projects })
    const refused = changes.filter(({ file, edit: { start, end, by } }) => {
      const path = join(root, file)
      const content = contents.get(path) ?? ''
      const changed = [...edited.keys(), path]
      edited.clear()
      edited.set(path, content.slice(0, start) + by + content.slice(end))
      const before = snapshot
      snapshot = api.updateSnapshot({ fileChanges: { changed } })
      before.dispose()
      return refuses(snapshot, join(root, projectOf(file)), path)
    })
    return new Set(refused.map(({ id }) => id))
  } finally {
    api.close()
  }
}

function refuses(snapshot: Snapshot, project: string, path: string): boolean {
  const program = snapshot.getProject(project)?.program
  if (!program) throw new Error(`${project} is no project of TypeScript`)
  // A query that loses a clause: the edit leaves a dot behind, so that the text cannot be compiled and says nothing.
  if (program.getSyntacticDiagnostics(path).length > 0) return false
  return program
    .getSemanticDiagnostics(path)
    .some(({ category, code }) => category === DiagnosticCategory.Error && !LEFT_OVER.has(code))
}

function projectOf(file: string): string {
  return `${file.split('/src/')[0]}/tsconfig.json`
}
