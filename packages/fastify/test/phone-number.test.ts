import { describe, expect, it } from 'vitest'
import { isPhoneNumber, maskPhone } from '../src/phone-number.ts'

describe('a phone number', () => {
  it.each([
    ['13800138000', '86', true],
    ['1234', '1', true],
    ['123456789012345', '1234', true],
    ['123', '86', false],
    ['1234567890123456', '86', false],
    ['x13800138000', '86', false],
    ['13800138000\n', '86', false],
    ['13800138000', '', false],
    ['13800138000', '+86', false],
    ['13800138000', '86 ', false],
    ['13800138000', '12345', false],
  ])('the number %j with the country code %j can be one: %s', (number, countryCode, isOne) => {
    expect(isPhoneNumber({ number, countryCode })).toBe(isOne)
  })

  it('a phone number is shown by its ends, and a short one by its last two digits', () => {
    const shown = ['13800138000', '12345678', '1234567'].map((number) => maskPhone({ number, countryCode: '86' }))
    expect(shown).toEqual(['138****8000', '123****5678', '****67'])
  })
})
