const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** `90s`, `1h30m`, `2d` as ms; null if it is none. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d|w))+$/.test(text)) return null
  let total = 0
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g)) total += Number(number) * unitMs[unit]
  return Math.round(total)
}

/**
 * A point in time as ms since the epoch: up to 10 digits are seconds, 11 to 15 ms, 16 µs, 19 ns, but 8 could be a date
 * and are refused; a date or ISO 8601 (UTC, or this machine's zone with `local`, unless it says otherwise); `-15m` before
 * now; `now`. Null if it is none.
 */
export function parseTime(text: string, nowMs: number, local = false): number | null {
  if (text === 'now') return nowMs
  if (/^(\d{1,7}|\d{9,10})$/.test(text)) return Number(text) * 1000
  if (/^\d{11,15}$/.test(text)) return Number(text)
  if (/^\d{16}$/.test(text)) return Math.floor(Number(text) / 1000)
  if (/^\d{19}$/.test(text)) return Number(BigInt(text) / 1_000_000n)
  const relative = /^([+-])(.+)$/.exec(text)
  if (relative !== null) {
    const ms = parseDuration(relative[2])
    if (ms === null) return null
    return relative[1] === '-' ? nowMs - ms : nowMs + ms
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  if (match === null) return null
  // Date would take 30 February for 2 March.
  if (new Date(`${match[1]}T00:00Z`).toJSON()?.slice(0, 10) !== match[1]) return null
  const ms = Date.parse(`${match[1]}T${match[2] ?? '00:00'}${match[3] ?? (local ? '' : 'Z')}`)
  return Number.isNaN(ms) ? null : ms
}
