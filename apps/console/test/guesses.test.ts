import { expect, test } from 'vitest'
import { guessesOf } from '../src/guesses.ts'

const ways = (text: string) => guessesOf(text, ['wx1', 'wx2']).map(({ as, body }) => [as, body])

test.each([
  ['13800138000', { number: '13800138000' }],
  ['138 0013 8000', { number: '13800138000' }],
  ['+86 138-0013-8000', { number: '13800138000' }],
  ['+44 7911 123456', { countryCode: '44', number: '7911123456' }],
])('%s is looked up as a phone number', (text, phone) => {
  expect(ways(text)).toContainEqual(['asPhone', { phone }])
})

test('what looks like a phone number may also be an id of the host', () => {
  expect(ways('13800138000')).toEqual([
    ['asPhone', { phone: { number: '13800138000' } }],
    ['asExternalId', { externalId: '13800138000' }],
  ])
})

test('an openid is looked up in each mini-program, because it belongs to one of them', () => {
  const openid = 'oABCDEFGHIJKLMNOPQRSTUVWXYZ-'
  expect(ways(openid).slice(0, 2)).toEqual([
    ['asOpenid', { appid: 'wx1', openid }],
    ['asOpenid', { appid: 'wx2', openid }],
  ])
})

test('a user id is found however its letters are written', () => {
  expect(ways('0198C2A4-1111-4222-8333-444455556666')[0]).toEqual([
    'asId',
    { id: '0198c2a4-1111-4222-8333-444455556666' },
  ])
})

test.each(['1380013800', '238001380001', '+86 1', 'a 13800138000'])('%s is no phone number', (text) => {
  expect(ways(text).map(([as]) => as)).not.toContain('asPhone')
})

test('what nothing can be is looked up as nothing', () => {
  expect(ways('小明')).toEqual([])
})
