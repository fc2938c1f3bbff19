/**
 * Who plays WeChat for a store: WeChat itself, or an emulator, where anybody can sign in as anybody. A store is marked when it is
 * first used, so that sessions and users of a demonstration are never taken for real ones.
 */
export type World = 'real' | 'emulated'

/** One line for the operator about a store that belongs to the other world. */
export function explainOtherWorld(store: string, found: string, world: World): string {
  const [theirs, ours] = [found, world].map((each) => (each === 'real' ? 'the real WeChat' : 'an emulated WeChat'))
  return `${store} holds the data of ${theirs}, and this service works with ${ours}: give it a store of its own`
}
