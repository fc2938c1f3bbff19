/** What a check of `doctor` found. */
export interface Finding {
  /** `warning`: it works, but something should be changed. */
  state: 'good' | 'warning' | 'bad'
  /** What was looked at, e.g. `WeChat wx1`. */
  about: string
  /** What was found, in one sentence. It holds no secret. */
  what: string
  /** What to do about it. Absent where nothing has to be done. */
  fix?: string
}
