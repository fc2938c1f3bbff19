import { describe, expect, test } from 'vitest'
import { chooseLanguage } from '../src/language.ts'

describe('the language of the terminal', () => {
  test.each([
    ['zh-CN', 'zh'],
    ['zh-TW', 'zh'],
    ['en-US', 'en'],
    ['fr-FR', 'en'],
    ['und', 'en'],
  ] as const)('follows the locale: %s is %s', (locale, language) => {
    expect(chooseLanguage(undefined, locale)).toBe(language)
  })

  test.each([
    ['zh', 'zh'],
    ['zh_CN.UTF-8', 'zh'],
    ['EN', 'en'],
  ] as const)('--lang %s is %s, whatever the locale', (given, language) => {
    for (const locale of ['zh-CN', 'en-US']) expect(chooseLanguage(given, locale)).toBe(language)
  })

  test.each(['fr', '', 'zhong'])('--lang %j is refused and names what there is', (given) => {
    expect(() => chooseLanguage(given)).toThrow(/--lang must be one of en, zh/)
  })
})
