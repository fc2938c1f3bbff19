import { describe, expect, it } from 'vitest'
import { type ImportLine, parseImportLine } from '../../src/import/import-line.ts'

const SETTINGS = { appids: ['wx1', 'wx2'], utcOffset: '+08:00' }
const read = (line: ImportLine) => parseImportLine(line, SETTINGS)

describe('a line of an import', () => {
  it('a line of an import is read field by field, without the spaces around them', () => {
    const line = {
      external_id: ' 17 ',
      appid: 'wx1',
      openid: 'oA',
      unionid: 'uA',
      phone: '13800138000',
      nickname: ' 小明 ',
      avatar_url: 'https://pics.example.com/1.jpg',
      created_at: '2024-05-01 12:30:00',
    }
    expect(read(line)).toEqual({
      externalId: '17',
      identity: { appid: 'wx1', openid: 'oA' },
      unionid: 'uA',
      phone: { countryCode: '86', number: '13800138000' },
      nickname: '小明',
      avatarUrl: 'https://pics.example.com/1.jpg',
      createdAtMs: Date.parse('2024-05-01T04:30:00Z'),
    })
  })

  it('a line of an import says nothing where a field is empty or missing', () => {
    const nothing = { identity: null, unionid: null, phone: null, nickname: '', avatarUrl: '', createdAtMs: null }
    expect(read({ external_id: '17', openid: '', phone: ' ' })).toEqual({ externalId: '17', ...nothing })
  })

  it.each([
    ['13800138000', '86', '13800138000'],
    ['+8613800138000', '86', '13800138000'],
    ['+86 138-0013-8000', '86', '13800138000'],
    ['+852 6123 4567', '852', '61234567'],
    ['+1-2025550123', '1', '2025550123'],
  ])('a line of an import has the phone number %s', (phone, countryCode, number) => {
    expect(read({ phone }).phone).toEqual({ countryCode, number })
  })

  it.each([
    ['2024-05-01', '2024-04-30T16:00:00Z'],
    ['2024/5/1 9:05', '2024-05-01T01:05:00Z'],
    ['2024-05-01T12:30:00Z', '2024-05-01T12:30:00Z'],
    ['2024-05-01T12:30:00.123+0000', '2024-05-01T12:30:00Z'],
    ['2024-05-01T12:30:00+0230', '2024-05-01T10:00:00Z'],
    ['2024-05-01 12:30:00 +02:00', '2024-05-01T10:30:00Z'],
    ['1714537800', '2024-05-01T04:30:00Z'],
    ['1714537800123', '2024-05-01T04:30:00.123Z'],
  ])('a line of an import has the time %s', (created_at, expected) => {
    expect(read({ external_id: '1', created_at }).createdAtMs).toBe(Date.parse(expected))
  })

  it.each<[string, ImportLine, RegExp]>([
    ['names nobody', { nickname: '小明' }, /names nobody/],
    ['has an external_id with a space', { external_id: 'a b' }, /^external_id must be/],
    ['has an appid without an openid', { external_id: '1', appid: 'wx1' }, /belong together/],
    ['has an openid without an appid', { openid: 'oA' }, /belong together/],
    ['has an appid of somebody else', { appid: 'wx9', openid: 'oA' }, /^appid "wx9" is none of this service: wx1, wx2/],
    ['has an openid that WeChat never makes', { appid: 'wx1', openid: 'o A' }, /^openid must be/],
    ['has a unionid that WeChat never makes', { unionid: '无' }, /^unionid must be/],
    ['has a number that a spreadsheet has shortened', { phone: '1.38E+10' }, /^phone was shortened by a spreadsheet/],
    ['has a number whose country code cannot be told', { phone: '+85261234567' }, /^phone must be/],
    ['has a number that a spreadsheet has rounded', { phone: '1E10' }, /^phone was shortened by a spreadsheet/],
    ['has a number of ten digits', { phone: '1380013800' }, /^phone must be/],
    ['has a number with a digit in front', { phone: '113800138000' }, /^phone must be/],
    ['has a number with a digit behind', { phone: '138001380001' }, /^phone must be/],
    ['has two numbers', { phone: '13800138000,13900139000' }, /^phone must be/],
    ['has a word before a number', { phone: 'tel +86 13800138000' }, /^phone must be/],
    ['has a word behind a number', { phone: '+86 13800138000 x' }, /^phone must be/],
    ['has a nickname with a line break', { external_id: '1', nickname: 'a\nb' }, /^nickname must not contain control/],
    ['has a picture that is not https', { external_id: '1', avatar_url: 'http://a/b' }, /^avatar_url must be an https/],
    ['has a day that does not exist', { external_id: '1', created_at: '2024-02-31' }, /^created_at must be/],
    ['has a month that does not exist', { external_id: '1', created_at: '2024-13-01' }, /^created_at must be/],
    ['has a word before a time', { external_id: '1', created_at: 'on 2024-05-01' }, /^created_at must be/],
    ['has a word behind a time', { external_id: '1', created_at: '2024-05-01 12:30 or so' }, /^created_at must be/],
    ['has microseconds', { external_id: '1', created_at: '1714537800123456' }, /^created_at must be/],
    ['has a time in words', { external_id: '1', created_at: 'yesterday' }, /^created_at must be/],
  ])('a line of an import is refused when it %s', (_, line, reason) => {
    expect(() => read(line)).toThrow(reason)
  })
})
