import { ApiError } from '../api-error.ts'
import { isPhoneNumber, type PhoneNumber } from '../phone-number.ts'
import { isExternalId } from '../users/external-id.ts'
import { parseProfileChanges } from '../users/profile.ts'

/** The columns of an import, in the order of the documents. Each may be missing, and each field may be empty. */
export const IMPORT_COLUMNS = [
  'external_id',
  'appid',
  'openid',
  'unionid',
  'phone',
  'nickname',
  'avatar_url',
  'created_at',
] as const
/** The name of a column. */
export type ImportColumn = (typeof IMPORT_COLUMNS)[number]

/** One line as it stands in the file. An empty field says nothing about the user. */
export type ImportLine = Partial<Record<ImportColumn, string>>

/** What an import has to know besides its lines. */
export interface ImportSettings {
  /** The mini-programs of this service. An identity of any other one is refused: nobody could ever sign in with it. */
  appids: readonly string[]
  /** The offset from UTC of times that name none, e.g. `+08:00`. */
  utcOffset: string
}

/** A line that was read. Null and '' mean that the line does not say. */
export interface ImportedUser {
  externalId: string | null
  identity: { appid: string; openid: string } | null
  unionid: string | null
  phone: PhoneNumber | null
  nickname: string
  avatarUrl: string
  createdAtMs: number | null
}

/** Why a line is not imported. Nothing of a refused line is imported. */
export class RefusedLineError extends Error {
  override readonly name = 'RefusedLineError'
}

/** Whether a text is an offset from UTC: `+08:00`, `-03:30` or `Z`. */
export function isUtcOffset(text: string): boolean {
  return /^(Z|[+-](0\d|1[0-4]):[0-5]\d)$/.test(text)
}

/** @throws RefusedLineError whose message says what is wrong with the line, and never quotes an openid or a number */
export function parseImportLine(line: ImportLine, { appids, utcOffset }: ImportSettings): ImportedUser {
  const [externalId, appid, openid, unionid, phone, nickname, avatarUrl, createdAt] = IMPORT_COLUMNS.map((column) =>
    (line[column] ?? '').trim(),
  ) as [string, string, string, string, string, string, string, string]
  if (externalId + openid + unionid + phone === '') {
    throw new RefusedLineError('the line names nobody: it needs an external_id, an openid, a unionid or a phone')
  }
  if (externalId !== '' && !isExternalId(externalId)) {
    throw new RefusedLineError('external_id must be 1 to 128 visible ASCII characters')
  }
  if ((appid === '') !== (openid === '')) throw new RefusedLineError('appid and openid belong together: one is empty')
  if (appid !== '' && !appids.includes(appid)) {
    throw new RefusedLineError(`appid ${JSON.stringify(appid)} is none of this service: ${appids.join(', ')}`)
  }
  return {
    externalId: externalId || null,
    identity: openid === '' ? null : { appid, openid: parseWechatId('openid', openid) },
    unionid: unionid === '' ? null : parseWechatId('unionid', unionid),
    phone: phone === '' ? null : parsePhone(phone),
    ...parseProfile(nickname, avatarUrl),
    createdAtMs: createdAt === '' ? null : parseTime(createdAt, utcOffset),
  }
}

function parseWechatId(column: string, text: string): string {
  if (/^[\x21-\x7e]{1,64}$/.test(text)) return text
  throw new RefusedLineError(`${column} must be 1 to 64 visible ASCII characters`)
}

/** Excel writes a long number as 1.38E+10, and its last digits are lost. */
const SHORTENED = /\dE\+?\d/i

function parsePhone(text: string): PhoneNumber {
  if (SHORTENED.test(text)) {
    throw new RefusedLineError(
      'phone was shortened by a spreadsheet, and its digits are lost: export again with the column formatted as text',
    )
  }
  const [, countryCode = '86', number = ''] =
    /^\+(\d{1,4})[ -](\d[\d -]*)$/.exec(text) ?? /^(?:\+(86))?(1\d{10})$/.exec(text) ?? []
  const phone = { countryCode, number: number.replaceAll(/[ -]/g, '') }
  if (isPhoneNumber(phone)) return phone
  throw new RefusedLineError('phone must be the 11 digits of a number in China, or like +852 61234567')
}

function parseProfile(nickname: string, avatarUrl: string): { nickname: string; avatarUrl: string } {
  try {
    return { nickname, avatarUrl, ...parseProfileChanges({ nickname, avatarUrl }) }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    throw new RefusedLineError((error.detail ?? error.message).replace('avatarUrl', 'avatar_url'))
  }
}

const SECONDS = /^\d{9,10}$/
const MILLISECONDS = /^\d{12,13}$/
const DATE_AND_TIME =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?$/

function parseTime(text: string, utcOffset: string): number {
  if (SECONDS.test(text)) return Number(text) * 1000
  if (MILLISECONDS.test(text)) return Number(text)
  const [, year, month = '', day = '', hour = '0', minute = '00', second = '00', zone = utcOffset] =
    DATE_AND_TIME.exec(text) ?? []
  const two = (digits: string) => digits.padStart(2, '0')
  const date = `${year}-${two(month)}-${two(day)}`
  const atMs = Date.parse(`${date}T${two(hour)}:${minute}:${second}${zone}`)
  // JavaScript takes 31 February for 3 March.
  const isDay = !Number.isNaN(atMs) && new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)
  if (isDay) return atMs
  throw new RefusedLineError('created_at must be like 2024-05-01 12:30:00, or seconds or milliseconds since 1970')
}
