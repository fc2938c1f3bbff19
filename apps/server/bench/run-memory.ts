// Measures what a session takes in Redis. See README.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Redis } from 'ioredis'
import { describeRedis, fill, type Kind, progress, settle, startEmptyRedis } from './filled-redis.ts'

const { values: options } = parseArgs({
  options: {
    // With 1,048,576 sessions of users who have one each, Redis doubles its tables.
    sizes: { type: 'string', default: '1000000,1250000' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})

interface Measured {
  what: string
  goal: number
  /** Of each session, index included. */
  bytes: { size: number; each: number }[]
}

const KINDS: (Kind & { what: string; goal: number })[] = [
  { what: 'one a user, not used yet', goal: 500, perUser: 1, device: false, used: false },
  { what: 'one a user, used', goal: 500, perUser: 1, device: false, used: true },
  { what: 'five a user, used', goal: 500, perUser: 5, device: false, used: true },
  { what: 'with device data, not used yet', goal: 600, perUser: 1, device: true, used: false },
  { what: 'with device data, used', goal: 600, perUser: 1, device: true, used: true },
]

const sizes = options.sizes.split(',').map(Number)
const measured: Measured[] = []
let redis = ''
for (const { what, goal, ...kind } of KINDS) {
  const filled = await startEmptyRedis()
  try {
    redis = await describeRedis(filled)
    const emptyBytes = await usedMemory(filled.redis)
    const bytes: Measured['bytes'] = []
    for (const size of sizes) {
      await fill(filled, size, kind)
      await settle(filled)
      const each = ((await usedMemory(filled.redis)) - emptyBytes) / size
      bytes.push({ size, each })
      progress(`${what}: ${Math.round(each)} bytes each`)
    }
    measured.push({ what, goal, bytes })
  } finally {
    await filled.stop()
  }
}
const table = toTable()
mkdirSync(options.out, { recursive: true })
writeFileSync(
  join(options.out, 'memory.json'),
  `${JSON.stringify({ measuredAt: new Date().toISOString(), redis, measured }, null, 2)}\n`,
)
writeFileSync(join(options.out, 'memory.md'), table)
process.stdout.write(`\n${table}\n${options.out}\n`)

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
}

function toTable(): string {
  const lines = [
    redis,
    '',
    `| bytes a session, index included | goal | ${sizes.map((size) => `of ${size.toLocaleString('en')}`).join(' | ')} |`,
    `| --- | ---: |${' ---: |'.repeat(sizes.length)}`,
    ...measured.map(
      ({ what, goal, bytes }) => `| ${what} | ${goal} | ${bytes.map(({ each }) => Math.round(each)).join(' | ')} |`,
    ),
  ]
  return `${lines.join('\n')}\n`
}
