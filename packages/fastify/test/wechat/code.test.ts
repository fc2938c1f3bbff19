import { describe, expect, it } from 'vitest'
import { checkCode } from '../../src/wechat/code.ts'

/** What checkCode throws, and what it tells the operator. */
function check(code: string, kind?: 'login' | 'phone') {
  const warnings: string[] = []
  try {
    checkCode(code, (message) => warnings.push(message), kind)
    return { refusal: null, warnings }
  } catch (refusal) {
    return { refusal, warnings }
  }
}

describe('a code of WeChat', () => {
  it.each(['0', 'a_B-9', 'x'.repeat(256)])('the code %j can be one', (code) => {
    expect(check(code)).toEqual({ refusal: null, warnings: [] })
  })

  it.each(['', 'x'.repeat(257), ' x', 'x ', 'x\n', 'a&b', '码'])('the code %j can be none', (code) => {
    expect(check(code).refusal).toMatchObject({
      code: 'request_invalid',
      detail: expect.stringMatching(/^code must be what wx.login/),
    })
    expect(check(code, 'phone').refusal).toMatchObject({
      detail: expect.stringMatching(/^the phone code must be what a getPhoneNumber/),
    })
  })

  it('the operator is told how long a refused code was and what was odd in it, and nothing of the code itself', () => {
    const { warnings } = check('canary&of=a&user')
    expect(warnings).toEqual(['a login code of 16 characters was refused; unexpected characters: "&="'])
    const many = String.fromCharCode(...Array.from({ length: 30 }, (_, i) => 0x4e00 + i))
    expect(check(many, 'phone').warnings.join()).toContain(
      `a phone code of 30 characters was refused; unexpected characters: "${many.slice(0, 16)}"`,
    )
  })
})
