import { computed, signal } from '@preact/signals'

/** What the page shows. Only our own ids are in an address: phone numbers and openids are not. */
export interface Route {
  view: 'find' | 'user' | 'events' | 'conflicts' | 'health'
  /** The user of the view `user`; empty in other views. */
  id: string
}

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

export const route = computed<Route>(() => {
  const [view = '', id = ''] = hash.value.replace(/^#\/?/, '').split('/')
  if (view === 'users' && id !== '') return { view: 'user', id: decode(id) }
  if (view === 'events' || view === 'conflicts' || view === 'health') return { view, id: '' }
  return { view: 'find', id: '' }
})

/** An address may have been cut off, in the middle of `%20` for example. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The address of a user's page. */
export function userHash(id: string): string {
  return `#/users/${encodeURIComponent(id)}`
}

/** Goes to another view. */
export function go(target: string): void {
  location.hash = target
}
