import { signal } from '@preact/signals'

/** A text of the page, in both of its languages. */
export interface Text {
  zh: string
  en: string
}

export type Language = keyof Text

const SAVED = 'playground-language'

/** The browser's language unless the reader chose the other one before. */
export const language = signal<Language>(initialLanguage())

export function setLanguage(next: Language): void {
  language.value = next
  localStorage.setItem(SAVED, next)
}

/** The text in the language that is set; a plain string is the same in both. */
export function say(text: Text | string): string {
  return typeof text === 'string' ? text : text[language.value]
}

function initialLanguage(): Language {
  const saved = localStorage.getItem(SAVED)
  if (saved === 'zh' || saved === 'en') return saved
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}
