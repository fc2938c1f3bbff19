import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What the official typings say a function of `wx` is like, as far as an emulator that does not play it must know. */
export type Kind = 'callbacks' | 'listener' | 'object' | 'sync'

const folder = dirname(createRequire(import.meta.url).resolve('miniprogram-api-typings/package.json'))
const typings = join(folder, 'types/wx/lib.wx.api.d.ts')

/** The base library that the official typings describe, by their newest change that names one. */
export function readBaseLibrary(): string {
  const version = /更新 API 定义到 (\d+\.\d+\.\d+)/.exec(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8'))?.[1]
  if (!version) throw new Error('CHANGELOG.md of miniprogram-api-typings names no base library any more')
  return version
}

/** The functions of `interface Wx` by kind, in alphabetical order. */
export function readTypedNames(): Record<Kind, string[]> {
  // Without comments: their examples hold braces too.
  const text = readFileSync(typings, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
  const start = text.indexOf('    interface Wx {')
  const body = text.slice(start, text.indexOf('\n    }\n', start))
  const names: Record<Kind, Set<string>> = {
    callbacks: new Set(),
    listener: new Set(),
    object: new Set(),
    sync: new Set(),
  }
  // A member begins with eight spaces; what belongs to it is indented further.
  for (const member of body.split(/\n(?= {8}\w)/).slice(1)) {
    const name = /^ {8}(\w+)[(<]/.exec(member)?.[1]
    if (name) names[kindOf(name, member)].add(name)
  }
  const sorted = Object.entries(names).map(([kind, known]) => [kind, [...known].sort()])
  return Object.fromEntries(sorted) as Record<Kind, string[]>
}

function kindOf(name: string, member: string): Kind {
  if (/^(on|off)[A-Z]/.test(name)) return 'listener'
  if (/Sync$/.test(name)) return 'sync'
  const returned = /\)\s*:\s*([\s\S]+?)\s*$/.exec(member)?.[1] ?? 'void'
  return /void|Promis/.test(returned) ? 'callbacks' : 'object'
}

/** The source of `src/wx/typed-names.ts`. */
export function renderTypedNames(names: Record<Kind, string[]>, version: string, baseLibrary: string): string {
  const lists = Object.entries(names).map(([kind, known]) => `  ${kind}: (\n${wrap(known)}\n  ).split(' '),\n`)
  return `/** The base library that the official typings ${version} describe: what a device says it has. */
export const BASE_LIBRARY = '${baseLibrary}'

/**
 * Every function of \`wx\` that the official typings ${version} know, by what it is like: it takes callbacks, it takes a
 * listener, it answers with an object, or with a value at once. \`npm test -- typed-names -- -u\` writes this file.
 */
export const TYPED_NAMES = {
${lists.join('')}}
`
}

function wrap(names: string[]): string {
  const lines: string[] = []
  let line = ''
  for (const name of names) {
    if (line.length + name.length > 108) {
      lines.push(line)
      line = ''
    }
    line += `${name} `
  }
  lines.push(line.trimEnd())
  return lines.map((text) => `    '${text}'`).join(' +\n')
}
