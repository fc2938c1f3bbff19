/** Line numbers of the places that rows link to, by `<file> <text>`; found by the build, which knows the files. */
declare const __SOURCE_LINES__: Record<string, number>

export const SOURCE_LINES: Record<string, number> = __SOURCE_LINES__
