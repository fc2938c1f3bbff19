import { SMALL_PNG } from './pictures.ts'

/** What the person in front of the phone does when the app asks. */
export interface UserChoices {
  /** The answer to dialogs. Default true: 确定. */
  confirm: boolean
  /** Whether the user gives what the app asks for: the phone number, an avatar, messages. Default true. */
  allow: boolean
  /** Which item of an action sheet the user takes; null cancels. Default 0. */
  item: number | null
  /** The bytes of the picture that the user chooses. Default a small PNG. */
  picture: Uint8Array
}

/** A user who agrees to everything. */
export function createChoices(): UserChoices {
  return { confirm: true, allow: true, item: 0, picture: SMALL_PNG }
}
