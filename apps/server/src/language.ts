/** The languages that people read in the terminal. Logs, and errors on the wire, are in English alone. */
export const LANGUAGES = ['en', 'zh'] as const
export type Language = (typeof LANGUAGES)[number]

/**
 * Chooses the language of what a person reads in the terminal.
 *
 * @param given what `--lang` says, if anything
 * @param locale the locale of this process: ICU reads it from `LC_ALL`, `LC_MESSAGES` and `LANG`, or from the system
 * where these are not the custom
 * @throws TypeError for a language that is not one of {@link LANGUAGES}
 */
export function chooseLanguage(
  given: string | undefined,
  // Of all parts of Intl this one loads the least: a date format takes 20 ms.
  locale = new Intl.PluralRules().resolvedOptions().locale,
): Language {
  if (given === undefined) return locale.startsWith('zh') ? 'zh' : 'en'
  const language = LANGUAGES.find((each) => given.toLowerCase().split(/[-_]/)[0] === each)
  if (language) return language
  throw new TypeError(`--lang must be one of ${LANGUAGES.join(', ')}, not ${given}`)
}

/** Picks the sentence of the reader's language: both stand where they are needed. */
export type Say = (en: string, zh: string) => string

/** The {@link Say} of one language. */
export function inLanguage(language: Language): Say {
  return (en, zh) => ({ en, zh })[language]
}
