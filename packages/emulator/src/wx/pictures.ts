/** A picture of 8 x 8 pixels: what a user chooses who was given no other. */
export const SMALL_PNG: Uint8Array = Uint8Array.from(
  atob(
    'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAGUlEQVR42mP4//8/+8EETJIBqyiQZBiUOgDHJYShEOUV9QAA' +
      'AABJRU5ErkJggg==',
  ),
  (character) => character.charCodeAt(0),
)
