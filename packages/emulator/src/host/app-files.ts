/** Where a mini-program's files come from: a folder in Node, a bundle in a browser. */
export interface AppFiles {
  /** The text of a file, or null when there is none. `path` is relative to the root, with `/`. */
  read(path: string): string | null
}

/** Which kind of thing is wrong with the folder. */
export type LaunchErrorCode =
  | 'not_a_mini_program'
  | 'config_invalid'
  | 'page_missing'
  | 'component_missing'
  | 'sources_not_built'
  | 'template_invalid'

/** Why a folder cannot be run; its message is one line that says what to do. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
  readonly code: LaunchErrorCode

  constructor(code: LaunchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The error for a script that is named and not there. It says so when the script is there in TypeScript, not compiled yet. */
export function missingScript(files: AppFiles, path: string, code: LaunchErrorCode, message: string): LaunchError {
  if (files.read(`${path}.js`) === null && files.read(`${path}.ts`) !== null) {
    return new LaunchError(
      'sources_not_built',
      `${path}.ts is not compiled to ${path}.js: build the mini-program first and pass the folder with the built files, or name "typescript" in setting.useCompilerPlugins of project.config.json`,
    )
  }
  return new LaunchError(code, message)
}
