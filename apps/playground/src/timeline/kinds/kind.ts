import type { Text } from '../../text.ts'

/** A place in this repository: the first line of `file` that holds `find`. */
export interface SourcePlace {
  file: string
  find: string
}

/** What a reader is told about rows of one kind. */
export interface Kind {
  name: Text
  /** Two sentences: what it is, and why it is so. */
  why: Text
  source?: SourcePlace
  /** WeChat's own page about it. */
  wechat?: string
}
