/** A phone number. Whole numbers stay on the server, and appear in no log, event or error. */
export interface PhoneNumber {
  /** 4 to 15 digits, without the country code. */
  number: string
  /** 1 to 4 digits, without a plus sign: `86`. */
  countryCode: string
}

/** Whether both parts are digits of a length that a phone number can have. */
export function isPhoneNumber({ number, countryCode }: PhoneNumber): boolean {
  return /^\d{4,15}$/.test(number) && /^\d{1,4}$/.test(countryCode)
}

/** A number as phones and operators see it: `138****8000`. Of a short one the last two digits are left. */
export function maskPhone({ number }: PhoneNumber): string {
  return number.length < 8 ? `****${number.slice(-2)}` : `${number.slice(0, 3)}****${number.slice(-4)}`
}
