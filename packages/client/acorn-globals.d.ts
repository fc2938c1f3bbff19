declare module 'acorn-globals' {
  import type { Node } from 'acorn'

  /** The free variables of a parsed program. */
  function findGlobals(program: Node): { name: string; nodes: Node[] }[]
  export = findGlobals
}
