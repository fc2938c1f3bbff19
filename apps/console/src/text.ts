import { signal } from '@preact/signals'

/** A text of the page, in both of its languages. */
export interface Text {
  zh: string
  en: string
}

export type Language = keyof Text

const SAVED = 'weapp-auth-console-language'

/** The browser's language unless the reader chose the other one before. */
export const language = signal<Language>(initialLanguage())

export function setLanguage(next: Language): void {
  language.value = next
  localStorage.setItem(SAVED, next)
}

/** The text in the language that is set. `{name}` is replaced by the value of that name. */
export function say(text: Text, values: Record<string, string | number> = {}): string {
  return text[language.value].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))
}

/** A time of the service, in the reader's own time zone. */
export function sayTime(iso: string): string {
  const locale = language.value === 'zh' ? 'zh-CN' : 'en-GB'
  return new Date(iso).toLocaleString(locale, { hour12: false })
}

function initialLanguage(): Language {
  const saved = localStorage.getItem(SAVED)
  if (saved === 'zh' || saved === 'en') return saved
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}
