import { batch, CODEC_NAMES, type Codec, codecByName, compress } from '@ottla/protocol/records'
import type { LogConfig } from '../types.ts'

/** The codec that the topic wants a batch to be stored with. */
export function targetCodec(config: LogConfig, sourceCodec: number): Codec {
  if (config.compressionType === 'producer') return sourceCodec as Codec
  return config.compressionType === 'uncompressed' ? 0 : codecByName(config.compressionType)!
}

/** A new batch with the same header and the records under another codec. The CRC is the caller's to set. */
export function recompress(header: Buffer, records: Buffer, codec: Codec, config: LogConfig): Buffer {
  const body = compress(codec, records, levelOf(codec, config))
  const bytes = Buffer.allocUnsafeSlow(batch.HEADER_BYTES + body.length)
  header.copy(bytes, 0, 0, batch.HEADER_BYTES)
  body.copy(bytes, batch.HEADER_BYTES)
  bytes.writeInt32BE(bytes.length - batch.LOG_OVERHEAD, 8)
  batch.setAttributes(bytes, 0, (batch.attributes(header, 0) & ~0x07) | codec)
  return bytes
}

function levelOf(codec: Codec, config: LogConfig): number | undefined {
  switch (CODEC_NAMES[codec]) {
    case 'gzip':
      return config.compressionGzipLevel
    case 'lz4':
      return config.compressionLz4Level
    case 'zstd':
      return config.compressionZstdLevel
    default:
      return undefined
  }
}
