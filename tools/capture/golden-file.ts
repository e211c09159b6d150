import { ApiVersionsRequest, apiName, decodeRequestHeader } from '@ottla/protocol'
import type { RecordedFrame } from './recorder.ts'

/** Longer ones say nothing that a shorter one does not. */
const MAX_FRAME_BYTES = 3000

/**
 * A file of golden frames: a comment that names the client, then a line per frame: direction, API key, name and version,
 * and the frame in hexadecimal, without its length. Of each direction, API and version the first and the longest.
 */
export function goldenFile(client: string, broker: string, frames: readonly RecordedFrame[]): string {
  const chosen = new Map<string, RecordedFrame[]>()
  for (const frame of frames) {
    if (frame.bytes.length > MAX_FRAME_BYTES) continue
    const key = `${frame.direction} ${frame.apiKey} ${apiName(frame.apiKey)} ${frame.apiVersion}`
    const [first, longest] = chosen.get(key) ?? []
    if (first === undefined) chosen.set(key, [frame])
    else if (frame.bytes.length > (longest ?? first).bytes.length) chosen.set(key, [first, frame])
  }
  const lines = [...chosen].flatMap(([key, picked]) => picked.map(({ bytes }) => `${key} ${bytes.toString('hex')}`))
  const byApi = (line: string) => Number(line.split(' ')[1])
  lines.sort((a, b) => byApi(a) - byApi(b))
  return `${[`# ${client}${softwareName(frames)} and ${broker}`, ...lines].join('\n')}\n`
}

/** What the client calls itself, if it does. */
function softwareName(frames: readonly RecordedFrame[]): string {
  for (const { direction, apiKey, apiVersion, bytes } of frames) {
    if (direction !== 'request' || apiKey !== ApiVersionsRequest.key || apiVersion < 3) continue
    if (apiVersion > ApiVersionsRequest.versions.max) continue
    const { reader } = decodeRequestHeader(bytes)
    const { clientSoftwareName, clientSoftwareVersion } = ApiVersionsRequest.read(reader, apiVersion)
    return `, which calls itself ${clientSoftwareName} ${clientSoftwareVersion},`
  }
  return ''
}
