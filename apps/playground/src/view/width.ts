import { signal } from '@preact/signals'

const narrow = matchMedia('(max-width: 859px)')
const isNarrow = signal(narrow.matches)
narrow.addEventListener('change', ({ matches }) => {
  isNarrow.value = matches
})

/** Whether there is room for one column only. */
export function useWidth(): { isNarrow: boolean } {
  return { isNarrow: isNarrow.value }
}
